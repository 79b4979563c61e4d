#include <voluta/core/error.h>
#include <voluta/kernels/activation/activation_engines.h>
#include <voluta/kernels/common/onednn.h>

#include <algorithm>
#include <string>
#include <unordered_map>

namespace voluta::onednn {
namespace {

using dims = dnnl::memory::dims;
using tag = dnnl::memory::format_tag;

constexpr std::size_t kAlignment = 64;  // a cache line, and an AVX-512 register

std::size_t aligned(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

dnnl::memory bind(const Operand& operand, const Args& args) {
  void* address = nullptr;
  switch (operand.place.kind) {
    case Place::Kind::kInput:  // oneDNN takes all memory as mutable and only reads its sources
      address = const_cast<void*>(args.inputs[operand.place.index]);
      break;
    case Place::Kind::kOutput:
      address = args.outputs[operand.place.index];
      break;
    case Place::Kind::kWorkspace:
      address = static_cast<std::byte*>(args.workspace) + operand.place.index;
      break;
  }
  return {operand.desc, engine(), address};
}

}  // namespace

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

dnnl::stream& stream() {
  thread_local dnnl::stream in_order(engine());
  return in_order;
}

dnnl::memory::desc f32_desc(dims extents, tag layout) {
  return {extents, dnnl::memory::data_type::f32, layout};
}

dnnl::memory::desc nhwc_desc(const Shape& shape) {
  return f32_desc({shape[0], shape[3], shape[1], shape[2]}, tag::nhwc);
}

dnnl::memory::desc krsc_desc(const Shape& shape, int64_t groups) {
  const int64_t k = shape[0], r = shape[1], s = shape[2], c = shape[3];
  if (groups == 1) return f32_desc({k, c, r, s}, tag::ohwi);
  // Strides of [G,K/G,R,S,C/G]; oneDNN 2.6 has no name for this order with groups.
  return {dims{groups, k / groups, c, r, s}, dnnl::memory::data_type::f32,
          dims{k / groups * r * s * c, r * s * c, 1, s * c, c}};
}

dnnl::memory::desc dense_desc(const Shape& shape) {
  dims extents(shape.extents().begin(), shape.extents().end()), strides(extents.size(), 1);
  for (std::size_t i = extents.size(); i-- > 1;) strides[i - 1] = strides[i] * extents[i];
  if (extents.empty()) return {dims{1}, dnnl::memory::data_type::f32, dims{1}};
  return {extents, dnnl::memory::data_type::f32, strides};
}

dnnl::memory::desc any_layout(const dnnl::memory::desc& desc) {
  return {desc.dims(), desc.data_type(), tag::any};
}

dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

std::optional<Eltwise> eltwise_of(ActivationKind kind) {
  using dnnl::algorithm;
  switch (kind) {
    case ActivationKind::kTanh:
      return Eltwise{algorithm::eltwise_tanh, 0, 0};
    case ActivationKind::kSigmoid:
      return Eltwise{algorithm::eltwise_logistic, 0, 0};
    case ActivationKind::kSilu:
      return Eltwise{algorithm::eltwise_swish, 1, 0};
    default:
      return std::nullopt;
  }
}

dnnl::primitive_attr activated(ActivationKind kind) {
  dnnl::primitive_attr attributes = user_scratchpad();
  if (const std::optional<Eltwise> eltwise = eltwise_of(kind)) {
    dnnl::post_ops post_ops;
    post_ops.append_eltwise(1.0f, eltwise->algorithm, eltwise->alpha, eltwise->beta);
    attributes.set_post_ops(post_ops);
  }
  return attributes;
}

Support supports_f32(const Problem& problem) {
  for (const auto* types : {&problem.inputs, &problem.outputs}) {
    for (const TensorType& type : *types) {
      if (type.dtype != DType::f32) {
        return Support::no("computes in f32, not " + std::string(name_of(type.dtype)));
      }
      if (type.shape.elements() == 0) return Support::no("an empty tensor");
    }
  }
  return Support::yes();
}

Place Program::scratch(std::size_t bytes) {
  const Place place{Place::Kind::kWorkspace, scratch_bytes_};
  scratch_bytes_ += aligned(bytes);
  return place;
}

void Program::add(const dnnl::primitive& primitive, std::vector<Operand> operands) {
  const dnnl_memory_desc_t* queried =
      dnnl_primitive_desc_query_md(primitive.get_primitive_desc(), dnnl_query_scratchpad_md, 0);
  const dnnl::memory::desc scratchpad =
      queried != nullptr ? dnnl::memory::desc(*queried) : dnnl::memory::desc();
  scratchpad_bytes_ = std::max(scratchpad_bytes_, aligned(scratchpad.get_size()));

  steps_.push_back(
      [primitive, operands = std::move(operands), scratchpad](const Args& args, Place place) {
        std::unordered_map<int, dnnl::memory> bound;
        for (const Operand& operand : operands) {
          bound.emplace(operand.argument, bind(operand, args));
        }
        if (scratchpad.get_size() > 0) {
          bound.emplace(DNNL_ARG_SCRATCHPAD, bind({DNNL_ARG_SCRATCHPAD, scratchpad, place}, args));
        }
        primitive.execute(stream(), bound);
        stream().wait();
      });
}

void Program::reorder(const dnnl::memory::desc& from, Place source, const dnnl::memory::desc& to,
                      Place target) {
  const dnnl::reorder::primitive_desc descriptor(engine(), from, engine(), to, user_scratchpad());
  add(dnnl::reorder(descriptor), {{DNNL_ARG_FROM, from, source}, {DNNL_ARG_TO, to, target}});
}

Place Program::as_layout(const dnnl::memory::desc& wanted, const dnnl::memory::desc& from,
                         Place source) {
  if (wanted == from) return source;
  const Place copy = scratch(wanted);
  reorder(from, source, wanted, copy);
  return copy;
}

void Program::activate(ActivationKind kind, int64_t elements) {
  if (kind == ActivationKind::kNone || eltwise_of(kind)) return;
  then([=](const Args& args) {
    float* y = args.out<float>(0);
    activate_elements({.kind = kind}, elements, y, y);
  });
}

void Program::then(std::function<void(const Args&)> code) {
  steps_.push_back([code = std::move(code)](const Args& args, Place) { code(args); });
}

Execution Program::execution() && {
  Execution execution;
  execution.workspace_bytes = scratch_bytes_ + scratchpad_bytes_;
  const Place scratchpad{Place::Kind::kWorkspace, scratch_bytes_};
  execution.run = [steps = std::move(steps_), scratchpad](const Args& args, Stream&) {
    for (const Step& step : steps) step(args, scratchpad);
  };
  return execution;
}

}  // namespace voluta::onednn
