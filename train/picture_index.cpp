#include <voluta/io/file.h>
#include <voluta/io/image.h>
#include <voluta/train/picture_index.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

namespace voluta {
namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& path) {
  return path.filename().native().starts_with('.');
}

std::string ending_of(const fs::path& path) {
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return std::tolower(c); });
  return ending;
}

bool is_picture(const fs::path& path) {
  const std::string ending = ending_of(path);
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

// Throws kFailed, with the path, for what cannot be listed.
template <class Action>
void at(const std::string& path, Action&& action) {
  try {
    action();
  } catch (const fs::filesystem_error& error) {
    fail_at(path, "cannot be listed: " + error.code().message());
  }
}

// Of a link what it leads to. One that leads nowhere is a file, and told where it is read.
bool is_folder(const fs::directory_entry& entry) {
  std::error_code error;
  const bool folder = entry.is_directory(error);
  if (error == std::errc::too_many_symbolic_link_levels) {
    fail_at(entry.path().string(), "is a link that leads back to itself; remove it");
  }
  return folder;
}

std::vector<std::string> sub_folders(const std::string& folder) {
  std::vector<std::string> names;
  at(folder, [&] {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (is_folder(entry) && !is_hidden(entry.path())) {
        names.push_back(entry.path().filename().string());
      }
    }
  });
  std::ranges::sort(names);
  return names;
}

// Gives each file below the folder to `visit`, through links as os.walk(followlinks=True) does.
// `above` holds the folders on the way there, without links.
void walk(const fs::path& folder, std::vector<fs::path> above,
          const std::function<void(const fs::path&)>& visit) {
  const fs::path real = fs::canonical(folder);
  if (std::ranges::find(above, real) != above.end()) {
    fail_at(folder.string(),
            "leads back to " + real.string() + ", in which it lies; remove the link");
  }
  above.push_back(real);
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (is_folder(entry)) {
      walk(entry.path(), above, visit);
    } else {
      visit(entry.path());
    }
  }
}

[[noreturn]] void refuse_empty(const std::string& folder,
                               const std::map<std::string, int64_t>& others) {
  const std::string there =
      others.empty() ? "" : ", but " + text_of(others) + "; make JPEG or PNG files of pictures";
  fail_at(folder, "holds no .jpg, .jpeg or .png file" + there);
}

// Sorted paths from `folder` on of the pictures in its sub-folder `name`, or in all of it. Counts in
// `others` what is no picture.
std::vector<std::string> pictures_below(const std::string& folder, const std::string& name,
                                        std::map<std::string, int64_t>& others) {
  std::vector<std::string> paths;
  std::map<std::string, int64_t> here;
  const fs::path root = name.empty() ? fs::path(folder) : fs::path(folder) / name;
  at(root.string(), [&] {
    walk(root, {}, [&](const fs::path& path) {
      if (is_hidden(path)) return;
      if (is_picture(path)) {
        paths.push_back(path.lexically_relative(folder).string());
      } else {
        ++here[ending_of(path)];
      }
    });
  });
  if (paths.empty()) refuse_empty(root.string(), here);
  for (const auto& [ending, count] : here) others[ending] += count;
  std::ranges::sort(paths);
  return paths;
}

// Why the file is no picture; empty where it is one. An eighth is enough: damage shows where the
// data are unpacked, before they become pixels.
std::string fault(const std::string& path) {
  try {
    const std::vector<uint8_t> file = read_image_file(path);
    const bool jpeg = read_image_header(file, path).format == ImageFormat::kJpeg;
    decode_image(file, path, jpeg ? 1 : 8);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

std::string text_of(const std::map<std::string, int64_t>& others) {
  constexpr std::size_t kShown = 8;
  std::string text;
  std::size_t shown = 0;
  int64_t left = 0;
  for (const auto& [ending, count] : others) {
    if (shown++ >= kShown) {
      left += count;
      continue;
    }
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " +
            (ending.empty() ? "without an ending" : ending);
  }
  return left > 0 ? text + " and " + std::to_string(left) + " more" : text;
}

PictureIndex index_pictures(const std::string& folder, const std::vector<std::string>& classes) {
  const std::vector<std::string> names = sub_folders(folder);
  if (names.empty()) fail_at(folder, "holds no folders; pictures lie in one folder a class");
  PictureIndex index{folder, classes.empty() ? names : classes, {}, {}};
  for (const std::string& name : names) {
    const auto found = std::ranges::find(index.classes, name);
    if (found == index.classes.end()) {
      fail_at(folder, "class " + quote(name) + " is none of the " +
                          std::to_string(index.classes.size()) + " that the model knows");
    }
    for (const std::string& path : pictures_below(folder, name, index.others)) {
      index.pictures.push_back({path, found - index.classes.begin()});
    }
  }
  return index;
}

PictureIndex list_pictures(const std::vector<std::string>& paths) {
  PictureIndex index;
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (!fs::is_directory(path, ignored)) {
      index.pictures.push_back({path, -1});
      continue;
    }
    for (const std::string& name : pictures_below(path, "", index.others)) {
      index.pictures.push_back({(fs::path(path) / name).string(), -1});
    }
  }
  return index;
}

BadPictures find_bad_pictures(const PictureIndex& index, int64_t workers) {
  std::vector<std::pair<std::size_t, std::string>> found;
  std::mutex mutex;
  std::atomic<std::size_t> next = 0;
  {
    std::vector<std::jthread> threads;
    for (int64_t i = 0; i < workers; ++i) {
      threads.emplace_back([&] {
        for (std::size_t at = next++; at < index.pictures.size(); at = next++) {
          std::string message = fault(index.path(at));
          if (message.empty()) continue;
          const std::lock_guard lock(mutex);
          found.emplace_back(at, std::move(message));
        }
      });
    }
  }
  std::ranges::sort(found);
  BadPictures bad;
  for (auto& [at, message] : found) {
    bad.indices.push_back(at);
    bad.messages.push_back(std::move(message));
  }
  return bad;
}

void remove_pictures(PictureIndex& index, const std::vector<std::size_t>& indices) {
  std::vector<PictureIndex::Picture> kept;
  std::size_t next = 0;
  for (std::size_t i = 0; i < index.pictures.size(); ++i) {
    if (next < indices.size() && indices[next] == i) {
      ++next;
    } else {
      kept.push_back(std::move(index.pictures[i]));
    }
  }
  index.pictures = std::move(kept);
}

}  // namespace voluta
