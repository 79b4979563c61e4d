#pragma once

// A folder of pictures, one sub-folder a class, as a list. Nothing is decoded for it.

#include <voluta/core/error.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace voluta {

struct PictureIndex {
  struct Picture {
    std::string path;  // below `folder`
    int64_t label = 0;
  };
  std::string folder;                // empty: paths stand alone
  std::vector<std::string> classes;  // names by label
  std::vector<Picture> pictures;     // by class, then by path
  // Files that lie there and are none of those, by their endings in small letters: {".gif", 3}.
  std::map<std::string, int64_t> others;

  int64_t count() const { return static_cast<int64_t>(pictures.size()); }
  std::string path(std::size_t i) const {
    return folder.empty() ? pictures[i].path : folder + "/" + pictures[i].path;
  }
};

// "3 .gif, 1 .webp, 2 without an ending".
std::string text_of(const std::map<std::string, int64_t>& others);

// The files below the folder's sub-folders whose names end in .jpg, .jpeg or .png; names that begin
// with a dot are left out, and links to folders are followed. With `classes` the labels are places in that
// list, else in the sorted list of the sub-folders; order is by bytes, as in torchvision's ImageFolder.
// Throws kFailed for a folder without classes, a class without pictures, a class that `classes` does not
// name, and a link that leads back to where it lies.
PictureIndex index_pictures(const std::string& folder,
                            const std::vector<std::string>& classes = {});

// Files, and of folders all pictures below them, in the order given; labels are -1. Whether a file is
// a picture shows when it is read. Throws kFailed for a folder without pictures.
PictureIndex list_pictures(const std::vector<std::string>& paths);

// A picture that cannot be read: kFailed, "path: why".
class BadPicture : public Error {
 public:
  explicit BadPicture(const std::string& message) : Error(ErrorKind::kFailed, message) {}
};

struct BadPictures {
  std::vector<std::size_t> indices;   // ascending
  std::vector<std::string> messages;  // "path: why"
};

// Decodes every picture of the list once, on `workers` threads.
BadPictures find_bad_pictures(const PictureIndex& index, int64_t workers);

// The list without the pictures at `indices`, which ascend. Labels and classes stay.
void remove_pictures(PictureIndex& index, const std::vector<std::size_t>& indices);

}  // namespace voluta
