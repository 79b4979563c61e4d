#include <voluta/core/error.h>
#include <voluta/judge/guarded_run.h>
#include <voluta/judge/trace.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#include <algorithm>
#include <cstring>
#include <memory>

namespace voluta::judge {
namespace {

constexpr int kPoison = 0xFF;

using Buffers = std::vector<std::unique_ptr<FencedBuffer>>;

// For each output the input whose memory it shares, or -1.
std::vector<int> shared_inputs(const Problem& problem, Placing placing) {
  std::vector<int> shared(problem.outputs.size(), -1);
  std::vector<bool> taken(problem.inputs.size(), false);
  for (const Alias& alias : problem.op->aliases(problem)) {
    const auto input = static_cast<std::size_t>(alias.input);
    int& slot = shared[static_cast<std::size_t>(alias.output)];
    if ((!alias.must && placing == Placing::kApart) || slot >= 0 || taken[input]) continue;
    slot = alias.input;
    taken[input] = true;
  }
  return shared;
}

std::string unlike_input(const Tensor& now, const Tensor& given, std::size_t i) {
  const auto* a = static_cast<const std::byte*>(now.raw());
  const auto* b = static_cast<const std::byte*>(given.raw());
  const auto differ = std::mismatch(a, a + now.bytes(), b).first;
  if (differ == a + now.bytes()) return {};
  const auto element = static_cast<std::size_t>(differ - a) / size_of(now.dtype());
  return "input " + std::to_string(i) + " was changed at element " + std::to_string(element);
}

}  // namespace

FencedBuffer::FencedBuffer(Stream& stream, std::size_t bytes) : stream_(stream), bytes_(bytes) {
  memory_ = stream.runtime().allocate(stream.device().index, bytes + 2 * kFenceBytes);
  if (memory_ == nullptr) {
    fail(ErrorKind::kOutOfMemory,
         "no device memory for a test buffer of " + std::to_string(bytes) + " bytes");
  }
  stream.fill(memory_, kPoison, bytes + 2 * kFenceBytes);
}

FencedBuffer::~FencedBuffer() {
  stream_.runtime().deallocate(stream_.device().index, memory_);
}

void FencedBuffer::upload(const Tensor& tensor) {
  stream_.copy(address(), tensor.raw(), tensor.bytes(), CopyKind::kHostToDevice);
}

void FencedBuffer::set_armed([[maybe_unused]] bool armed) {
#if defined(__SANITIZE_ADDRESS__)
  if (stream_.runtime().name() == "cuda") return;
  auto* const set = armed ? __asan_poison_memory_region : __asan_unpoison_memory_region;
  set(memory_, kFenceBytes);
  set(static_cast<std::byte*>(address()) + bytes_, kFenceBytes);
#endif
}

std::string FencedBuffer::download(Tensor& tensor) {
  std::vector<unsigned char> all(bytes_ + 2 * kFenceBytes);
  stream_.copy(all.data(), memory_, all.size(), CopyKind::kDeviceToHost);
  stream_.synchronize();
  std::memcpy(tensor.raw(), all.data() + kFenceBytes, std::min(bytes_, tensor.bytes()));
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == kFenceBytes) i += bytes_;
    if (i >= all.size() || all[i] == kPoison) continue;
    const auto offset = static_cast<std::ptrdiff_t>(i) - static_cast<std::ptrdiff_t>(kFenceBytes);
    return "was written out of bounds, at byte " + std::to_string(offset) + " of " +
           std::to_string(bytes_);
  }
  return {};
}

GuardedRun run_guarded(const Engine& engine, const Problem& problem, const Tensors& inputs,
                       Stream& stream, Placing placing) {
  trace_run(engine, problem);
  const Execution execution = engine.prepare(problem);
  const std::vector<int> shared = shared_inputs(problem, placing);

  Buffers in, out;
  for (const Tensor& input : inputs) {
    in.push_back(std::make_unique<FencedBuffer>(stream, input.bytes()));
    in.back()->upload(input);
  }
  for (const TensorType& type : problem.outputs) {
    out.push_back(std::make_unique<FencedBuffer>(stream, type.bytes()));
  }
  FencedBuffer workspace(stream, execution.workspace_bytes);

  std::vector<const void*> in_addresses;
  std::vector<void*> out_addresses;
  for (const auto& buffer : in) in_addresses.push_back(buffer->address());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int source = shared[i];
    out_addresses.push_back(
        (source < 0 ? out[i] : in[static_cast<std::size_t>(source)])->address());
  }
  stream.synchronize();
  auto each_buffer = [&](auto&& f) {
    for (const auto& buffer : in) f(*buffer);
    for (const auto& buffer : out) f(*buffer);
    f(workspace);
  };
  each_buffer([](FencedBuffer& buffer) { buffer.arm(); });
  execution.run(
      {in_addresses, out_addresses, execution.workspace_bytes ? workspace.address() : nullptr},
      stream);
  stream.synchronize();
  each_buffer([](FencedBuffer& buffer) { buffer.disarm(); });

  GuardedRun result;
  auto complain = [&](const std::string& what, const std::string& said) {
    if (!said.empty() && result.complaint.empty()) result.complaint = what + said;
  };
  for (const TensorType& type : problem.outputs) result.outputs.emplace_back(type);
  for (std::size_t i = 0; i < in.size(); ++i) {
    Tensor now(inputs[i].type());
    complain("input " + std::to_string(i) + " ", in[i]->download(now));
    const auto owner = std::ranges::find(shared, static_cast<int>(i));
    if (owner == shared.end()) {
      complain("", unlike_input(now, inputs[i], i));
    } else {
      result.outputs[static_cast<std::size_t>(owner - shared.begin())] = now;
    }
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    Tensor own(problem.outputs[i]);
    complain("output " + std::to_string(i) + " ", out[i]->download(own));
    if (shared[i] < 0) result.outputs[i] = own;
  }
  Tensor scratch(DType::u8, {static_cast<int64_t>(execution.workspace_bytes)});
  complain("the workspace ", workspace.download(scratch));
  return result;
}

}  // namespace voluta::judge
