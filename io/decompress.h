#pragma once

// Compressed files as streams of bytes. Internal to io/: open_bytes() of io/file.h chooses.

#include <voluta/io/file.h>

#include <memory>
#include <string>

namespace voluta {

// gzip (RFC 1952), one member.
std::unique_ptr<ByteSource> open_gzip(const std::string& path);
// The .xz format, one stream; its dictionary may take at most 128 MiB, twice what `xz -9` takes.
std::unique_ptr<ByteSource> open_xz(const std::string& path);

}  // namespace voluta
