"""The rules of the house (docs/design.md, "Folders"), as functions from a source tree to findings.

A finding is one line, "path:line: what is wrong". Every rule reads text only; the compiler's part,
that each public header compiles alone, is in architecture_test.py.
"""
import fnmatch
import re
from pathlib import Path

# What each folder may include beside itself. No folder may include simt/, tests/ or examples/,
# except tests/ (all) and simt/'s own files.
MAY_INCLUDE = {
    "core": (),
    "kernels": ("core",),
    "layers": ("core", "kernels"),
    "models": ("core", "kernels", "layers"),
    "io": ("core",),
    "train": ("core", "kernels", "layers", "models", "io"),
    "judge": ("core", "kernels", "layers", "models", "train"),
    "tools": ("core", "kernels", "layers", "models", "io", "train", "judge"),
    "simt": ("core",),
    "tests": ("core", "kernels", "layers", "models", "io", "train", "judge", "tools", "simt"),
    "examples": ("core", "kernels", "layers", "models", "io", "train"),
    # Built with the tree, not against the install: it shows how a kernel is made.
    "examples/ladder": ("core", "kernels", "judge"),
}
SOURCE_SUFFIXES = (".h", ".cpp", ".cu", ".cuh")
LAUNCHER = "core/device/launch.cuh"
MAX_LINES = 400

# Vendor and third-party headers, and the rooms that may include them. `*` also matches `/`.
ROOMS = (
    ("dnnl*", ("kernels/*_onednn.cpp", "kernels/common/onednn.*", "tests/*.cpp")),
    ("oneapi/dnnl/*", ("kernels/*_onednn.cpp", "kernels/common/onednn.*")),
    ("cudnn*", ("kernels/*_cudnn.cpp", "kernels/common/cudnn_library.*")),
    ("cublas*", ("kernels/*_cublaslt.cpp", "kernels/common/cublaslt_library.*")),
    ("nccl*", ()),
    ("mpi.h", ()),
    ("CLI/*", ("tools/command_line.cpp",)),
    ("boost/context/*", ("simt/*",)),
    ("boost/*", ("simt/*",)),
    ("zlib.h", ("io/*.cpp", "tests/*")),
    ("lzma.h", ("io/*.cpp", "tests/*")),
    ("jpeglib.h", ("io/jpeg.cpp", "tests/io/*")),
    ("jerror.h", ("io/jpeg.cpp", "tests/io/*")),
    ("png.h", ("io/png.cpp", "tests/io/*")),
    ("nlohmann/*", ("*.cpp", "tools/json_text.h")),
    ("fmt/*", ("*.cpp",)),
    ("toml++/*", ("tools/*.cpp", "train/*.cpp")),
    ("gtest/*", ("tests/*",)),
    ("gmock/*", ("tests/*",)),
    ("benchmark/*", ("tests/*",)),
    ("omp.h", ("*.cpp", "simt/*")),
    ("cub/*", ("kernels/*.cu", "kernels/*.cuh")),
    ("thrust/*", ("kernels/*.cu", "kernels/*.cuh")),
    ("nvtx3/*", ("core/device/*.cpp",)),
)
CUDA_HEADERS = ("cuda*", "vector_types.h", "cooperative_groups*", "mma.h", "curand*")
CUDA_ROOMS = (
    "core/device/cuda_runtime.cpp", "core/device/cuda_tensor_map.cpp", "core/device/launch.cuh", "kernels/*.cu", "kernels/*.cuh",
    "kernels/*_cudnn.cpp", "kernels/*_cublaslt.cpp", "kernels/common/*_library.*", "simt/*",
    "tests/*.cu", "tests/*.cuh", "tests/simt/*",
)
# Of kernels/, users see the declaration of each op, kernels/<op>/<op>.h, and these. The rest
# (engines, vendors' types, helpers) is not installed (cmake/VolutaInstall.cmake).
PUBLIC_KERNEL_HEADERS = ("kernels/registry.h", "kernels/common/geometry.h", "kernels/common/prologue.h",
                         "kernels/common/pixel_normalization.h")
# As cmake/VolutaInstall.cmake leaves them out.
INTERNAL_HEADERS = ("cuda_tensor_map.h", "fault_injector.h", "fixed.h", "reads.h", "decompress.h",
                    "safetensors_header.h", "digit_strokes.h")
PUBLIC_FOLDERS = ("core", "kernels", "layers", "models", "io", "train")
PRIVATE_FOLDERS = ("tests", "tools")
# Device code, which only .cu and .cuh files include.
DEVICE_CODE = "*.cuh"


def matches(path, patterns):
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def folder_of(path):
    """The key of MAY_INCLUDE that a path belongs to, or its first folder."""
    return max((folder for folder in MAY_INCLUDE if path.startswith(f"{folder}/")), key=len,
               default=path.split("/")[0])


def is_public_header(path):
    if path == "voluta.h":
        return True
    folder, *_, name = path.split("/")
    if folder == "kernels":
        return path in PUBLIC_KERNEL_HEADERS or path == f"kernels/{name[:-2]}/{name}"
    return folder in PUBLIC_FOLDERS and name.endswith(".h") and name not in INTERNAL_HEADERS


TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|'
    r"(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])*'", re.DOTALL)


def code_lines(text):
    """The text by lines, with comments and literals blanked; include lines keep their names."""
    def blank(match):
        token = match.group()
        line_start = text.rfind("\n", 0, match.start()) + 1
        before = text[line_start:match.start()]
        if token.startswith('"') and re.fullmatch(r"\s*#\s*include\s*", before):
            return token
        return re.sub(r"[^\n]", " ", token)
    return TOKENS.sub(blank, text).split("\n")


INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def check_include(path, quote, name):
    """What is wrong with `path` including `name`; None where nothing is."""
    folder = folder_of(path)
    if quote == '"':
        if folder in PRIVATE_FOLDERS and ".." not in name:
            return None  # a file beside it
        return f'include "{name}" by its full name, <voluta/...>'
    if name.startswith("voluta/"):
        target = name.removeprefix("voluta/")
        other = folder_of(target)
        if target == "voluta.h":
            return None if folder in ("examples", "tests") else "the umbrella header is for users"
        if path == "voluta.h" or other == folder:
            pass
        elif other not in MAY_INCLUDE.get(folder, ()):
            return f"{folder}/ may not include {other}/ ({name})"
        if matches(target, (DEVICE_CODE,)) and not matches(path, ("*.cu", "*.cuh")):
            if folder not in ("simt", "tests"):
                return f"only .cu and .cuh files include device code ({name})"
        if is_public_header(path) and not is_public_header(target):
            return f"a public header includes {name}, which is not installed"
        return None
    for pattern, rooms in ROOMS + tuple((cuda, CUDA_ROOMS) for cuda in CUDA_HEADERS):
        if matches(name, (pattern,)) and not matches(path, rooms):
            return f"<{name}> may only be included by {', '.join(rooms) or 'no file'}"
    if is_public_header(path):
        for pattern, _ in ROOMS + tuple((cuda, ()) for cuda in CUDA_HEADERS):
            if matches(name, (pattern,)):
                return f"a public header includes <{name}>"
    return None


def source_files(root):
    """Paths of all sources, relative to the root, in order."""
    found = {root / "voluta.h"} if (root / "voluta.h").exists() else set()
    for folder in MAY_INCLUDE:
        found |= {p for p in (root / folder).rglob("*")
                  if p.suffix in SOURCE_SUFFIXES and "build" not in p.relative_to(root).parts}
    return sorted(str(p.relative_to(root)) for p in found)


def check_file(root, path):
    text = (Path(root) / path).read_text(encoding="utf-8")
    findings = []
    lines = code_lines(text)
    for number, line in enumerate(lines, 1):
        include = INCLUDE.match(line)
        if include:
            problem = check_include(path, include.group(1), include.group(2))
            if problem:
                findings.append(f"{path}:{number}: {problem}")
        if "<<<" in line and path != LAUNCHER:
            findings.append(f"{path}:{number}: a kernel is launched only by launch() of {LAUNCHER}")
    if path.startswith(("kernels/", "examples/ladder/")) and path.endswith(".cu"):
        findings += check_kernel_header(path, text)
    findings += check_placeholders(path, text)
    count = text.count("\n")
    if count > MAX_LINES:
        findings.append(f"{path}:{count}: longer than {MAX_LINES} lines; split it along an idea")
    return findings


KERNEL_HEADER_LINES = ("grid", "limits", "measured")
PLACEHOLDER = re.compile(r"@[A-Z_]+@|\b(TODO|FIXME|XXX)\b")


def check_kernel_header(path, text):
    """An algorithm's file begins with its header: what runs where, in which limits, how fast."""
    header = text.split("\n#", 1)[0]
    return [f"{path}:1: the kernel's header has no line '{name}'" for name in KERNEL_HEADER_LINES
            if not re.search(rf"^// +{name}\b", header, re.MULTILINE)]


def check_placeholders(path, text):
    return [f"{path}:{text.count(chr(10), 0, match.start()) + 1}: unfinished: {match.group()}"
            for match in PLACEHOLDER.finditer(text)]


def check_scripts(root):
    """Scripts and CMake files keep to the same length."""
    root = Path(root)
    paths = [p for folder in ("scripts", "cmake", "judge", "tests", "tools", "examples")
             for p in (root / folder).rglob("*")
             if p.suffix in (".py", ".sh", ".cmake") or p.name == "CMakeLists.txt"]
    return [f"{p.relative_to(root)}:{MAX_LINES}: longer than {MAX_LINES} lines"
            for p in sorted(paths) if p.read_text(encoding="utf-8").count("\n") > MAX_LINES]


def check_tree(root):
    root = Path(root)
    findings = [finding for path in source_files(root) for finding in check_file(root, path)]
    return findings + check_scripts(root) + check_quotes(root)


def public_headers(root):
    return [path for path in source_files(Path(root)) if is_public_header(path)]


QUOTE = re.compile(r"^```\w+ (?P<path>[\w./-]+)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)


def check_quotes(root):
    """A fenced block of a document that names a file, "```cpp core/a.h", quotes it exactly."""
    root = Path(root)
    findings = []
    for page in sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md"),
                        *(root / "kernels").rglob("*.md")]):
        text = page.read_text(encoding="utf-8")
        for match in QUOTE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            source = root / match["path"]
            if not source.is_file() or match["code"] not in source.read_text(encoding="utf-8"):
                findings.append(f"{page.relative_to(root)}:{line}: not in {match['path']}")
    return findings
