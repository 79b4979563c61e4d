#include <voluta/layers/merge.h>

namespace voluta {

Value add(Scope scope, Value a, Value b) {
  return scope.add<Add>({}, {a, b});
}

Value concat(Scope scope, std::vector<Value> branches) {
  return scope.add<Concat>({}, std::move(branches));
}

Value channel_pad(Scope scope, Value x, int64_t before, int64_t after) {
  return scope.add<ChannelPad>({.before = before, .after = after}, {x});
}

}  // namespace voluta
