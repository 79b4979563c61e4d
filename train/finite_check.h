#pragma once

// Where NaN and infinity come from.

#include <voluta/core/graph/executor.h>

#include <string>

namespace voluta {

// Elements that are NaN or infinite; 0 of integers.
int64_t count_not_finite(const Tensor& tensor);

// Throws kFailed where outputs of the graph are not finite, naming the first of the states that it reads, in
// the model's order, that is not finite either.
void check_outputs_finite(const Tensor& outputs, const Graph& graph, Session& session);
[[noreturn]] void fail_not_finite(const Graph& graph, Session& session);

// Runs the steps one by one (Executor::run_observed), on what was fed, and looks at everything that
// is read and written, by fixed steps too. In words, what first is not finite: an input, a state, or else the output of
// a step, with its layer, op and pass; the rest of the steps run all the same. Empty where all is
// finite.
std::string find_not_finite(Executor& executor);

}  // namespace voluta
