#include <voluta/core/error.h>
#include <voluta/core/memory/block_pool.h>

#include <cstdlib>
#include <utility>

namespace voluta {

Block::Block(std::shared_ptr<BlockPool> pool, Chunk* chunk, void* data, std::size_t bytes)
    : pool_(std::move(pool)), chunk_(chunk), data_(data), bytes_(bytes) {}

Block::Block(Block&& other) noexcept
    : pool_(std::move(other.pool_)),
      chunk_(std::exchange(other.chunk_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

Block& Block::operator=(Block&& other) noexcept {
  Block old(std::move(*this));  // goes back at the end
  pool_ = std::move(other.pool_);
  chunk_ = std::exchange(other.chunk_, nullptr);
  data_ = std::exchange(other.data_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

Block::~Block() {
  if (chunk_ == nullptr) return;
  std::string damage = pool_->release(chunk_);
  if (!damage.empty()) pool_->keep_damage(std::move(damage));
}

void Block::record_use(Stream& stream) {
  if (chunk_ != nullptr) pool_->record_use(chunk_, stream);
}

void Block::reset() {
  if (chunk_ == nullptr) return;
  const std::shared_ptr<BlockPool> pool = std::move(pool_);
  data_ = nullptr;
  bytes_ = 0;
  const std::string damage = pool->release(std::exchange(chunk_, nullptr));
  if (!damage.empty()) fail(ErrorKind::kFailed, damage);
}

bool debug_memory_requested() {
  const char* value = std::getenv("VOLUTA_DEBUG_MEMORY");
  return value != nullptr && *value != '\0' && std::string_view(value) != "0";
}

}  // namespace voluta
