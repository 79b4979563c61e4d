#pragma once

// Problems as lines of text: what Op::describe prints, the lists in judge/problems/ hold,
// and a failing test asks to replay.
//
//   line    := op ' ' extents (' ' word | ' ' name number)*       smoothing0.1 slope0.2
//   extents := (letters digits)+            n2h7w5c3k4r3s2pt1pb0pl2pr1u2v1l2g1
//              for digits also a list of them, one a tensor: n48000,500
//   word    := bias | scale_shift | residual | moments | sums | relu | leaky_relu | silu | ... | max | average |
//              ceil | ... | to_bf16 | a dtype (default f32)
//
// Letters are the literature's, fixed for every op:
//   n batch          h w input rows, columns     c k input, output channels   r s filter or window
//   u v stride of rows, columns (v: u)           l m dilation of rows, columns (m: l)
//   oh ow rows and columns of an adaptive pooling's output
//   p padding on all sides, or pt pb pl pr (top, bottom, left, right)        g groups
//   oh ow output padding of conv_transpose2d
//   f m features in and out of a linear layer (n64f784m10)
// What has a default (u 1, p 0, l 1, g 1) may be left out. Gradients of conv2d and pool2d carry the
// forward's line: conv2d_filter_gradient n2h7w5c3k4r3s3p1. A line that starts with '#' is a comment.

#include <voluta/core/graph/op.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace voluta::judge {

// The tokens of a line. Reading marks a token as known; check_all_read() throws for the rest, so
// that a misspelt option is an error and not a default.
class ProblemLine {
 public:
  explicit ProblemLine(std::string_view text);

  const std::string& text() const { return text_; }
  const std::string& op() const { return op_; }

  bool has(const std::string& key) const { return extents_.contains(key); }
  int64_t extent(const std::string& key);                        // throws where it is absent
  int64_t extent(const std::string& key, int64_t fallback);      // an option
  std::vector<int64_t> extents(const std::string& key);          // one or more; n48000,500
  double number(const std::string& name, double fallback);       // smoothing0.1
  uint64_t integer(const std::string& name, uint64_t fallback);  // seed7
  bool word(const std::string& word);                            // whether the line says it
  DType dtype();                                                 // f32 where the line names none
  // The extents in the order of the line, for ops on any shape: n2h3w4c5 -> [2, 3, 4, 5].
  Shape shape();

  void check_all_read() const;

 private:
  std::string text_, op_;
  std::vector<std::string> order_;
  std::map<std::string, std::vector<int64_t>> extents_;
  std::set<std::string> words_, unread_;
};

// The problem that a line describes. Throws invalid() for a line that makes no sense.
Problem parse_problem(std::string_view line);

// The lines of judge/problems/<name>.txt, without comments; all of them for `with_slow`, else those
// above the line "# slow". The lists are part of the binary.
std::vector<std::string> read_problem_list(std::string_view name, bool with_slow);

// The lines of every list but "gradients" that name this op. The gradients of a convolution are
// asked the forward's lines too.
std::vector<std::string> problems_of(std::string_view op, bool with_slow);

// A convolution's line, asked of another direction: gradients have neither bias nor activation.
std::string as_gradient(std::string_view op, const std::string& line);

// The line with another dtype at its end; with another n.
std::string with_dtype(const std::string& line, DType dtype);
std::string with_batch(const std::string& line, int64_t n);

// `count` seeded random lines of an op; the first `count` of a longer list are the same.
std::vector<std::string> random_problems(std::string_view op, int count, uint64_t seed);

}  // namespace voluta::judge
