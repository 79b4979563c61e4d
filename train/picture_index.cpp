#include <voluta/io/file.h>
#include <voluta/io/image.h>
#include <voluta/train/picture_index.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <filesystem>
#include <mutex>
#include <thread>

namespace voluta {
namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& path) {
  return path.filename().native().starts_with('.');
}

bool is_picture(const fs::path& path) {
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return std::tolower(c); });
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

std::vector<std::string> sub_folders(const std::string& folder) {
  std::vector<std::string> names;
  at(folder, [&] {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.is_directory() && !is_hidden(entry.path())) {
        names.push_back(entry.path().filename().string());
      }
    }
  });
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> pictures_below(const std::string& folder, const std::string& name) {
  std::vector<std::string> paths;
  const fs::path root = fs::path(folder) / name;
  at(root.string(), [&] {
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (is_hidden(entry.path()) || !is_picture(entry.path())) continue;
      // A name that points nowhere is a picture that cannot be read, and is told so.
      if (entry.is_directory()) continue;
      paths.push_back(entry.path().lexically_relative(folder).string());
    }
  });
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

PictureIndex index_pictures(const std::string& folder, const std::vector<std::string>& classes) {
  const std::vector<std::string> names = sub_folders(folder);
  if (names.empty()) fail_at(folder, "holds no folders; pictures lie in one folder a class");
  PictureIndex index{folder, classes.empty() ? names : classes, {}};
  for (const std::string& name : names) {
    const auto found = std::ranges::find(index.classes, name);
    if (found == index.classes.end()) {
      fail_at(folder, "class " + quote(name) + " is none of the " +
                          std::to_string(index.classes.size()) + " that the model knows");
    }
    const std::vector<std::string> paths = pictures_below(folder, name);
    if (paths.empty()) fail_at(folder + "/" + name, "holds no .jpg, .jpeg or .png file");
    for (const std::string& path : paths) {
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
    const std::vector<std::string> found = pictures_below(path, "");
    if (found.empty()) fail_at(path, "holds no .jpg, .jpeg or .png file");
    for (const std::string& name : found) {
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
