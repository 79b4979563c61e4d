#include <voluta/train/layered_layout.h>

#include <algorithm>
#include <numeric>

namespace voluta {
namespace {

constexpr double kLane = 8;  // width of an edge that passes a layer

// A box, or the point where an edge passes a layer.
struct Vertex {
  double width = kLane, height = 0, x = 0;
  int rank = 0;
  bool is_box = false, in_trunk = false;
  std::vector<int> above, below;  // neighbours in the layers next to this one
};

struct Chain {
  int from, to;
  std::vector<int> passes;  // vertices between
};

class Layering {
 public:
  Layering(const std::vector<LayoutBox>& boxes, double gap) : gap_(gap) {
    for (const LayoutBox& box : boxes) {
      int rank = 0;
      for (const int input : box.inputs) rank = std::max(rank, vertices_[at(input)].rank + 1);
      vertices_.push_back({.width = box.width, .height = box.height, .rank = rank, .is_box = true});
    }
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      for (const int input : boxes[i].inputs) add_edge(input, static_cast<int>(i));
    }
    for (std::size_t v = 0; v < vertices_.size(); ++v) {
      const auto rank = static_cast<std::size_t>(vertices_[v].rank);
      if (ranks_.size() <= rank) ranks_.resize(rank + 1);
      ranks_[rank].push_back(static_cast<int>(v));
    }
  }

  void order() {
    constexpr int kSweeps = 12;
    for (const auto& rank : ranks_) number(rank);
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      if (sweep % 2 == 0) {
        for (auto& rank : ranks_) sort_by(rank, &Vertex::above);
      } else {
        std::for_each(ranks_.rbegin(), ranks_.rend(),
                      [&](auto& rank) { sort_by(rank, &Vertex::below); });
      }
    }
  }

  // Sweeps over the layers; each moves a layer so that the squared widths of its edges are least.
  void place() {
    constexpr int kSweeps = 200;
    find_trunk();
    for (const auto& rank : ranks_) spread(rank, [](int) { return Wish{0, 1}; });
    const auto wish = [&](int v) { return wish_of(v); };
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      for (const auto& rank : ranks_) spread(rank, wish);
      std::for_each(ranks_.rbegin(), ranks_.rend(), [&](const auto& rank) { spread(rank, wish); });
    }
  }

  Layout layout(std::size_t boxes) const {
    Layout made;
    double left = 0, right = 0;
    for (const Vertex& v : vertices_) {
      left = std::min(left, v.x - v.width / 2);
      right = std::max(right, v.x + v.width / 2);
    }
    std::vector<double> middle, half;  // of the layers
    double y = gap_ / 2;
    for (const auto& rank : ranks_) {
      double height = 0;
      for (const int v : rank) height = std::max(height, vertices_[at(v)].height);
      middle.push_back(y + height / 2);
      half.push_back(height / 2);
      y += height + gap_;
    }
    made.width = right - left + gap_;
    made.height = y - gap_ / 2;
    const auto x = [&](int v) { return vertices_[at(v)].x - left + gap_ / 2; };
    const auto rank = [&](int v) { return at(vertices_[at(v)].rank); };
    for (std::size_t i = 0; i < boxes; ++i) {
      made.centers.push_back({x(static_cast<int>(i)), middle[rank(static_cast<int>(i))]});
    }
    for (const Chain& chain : chains_) {
      LayoutEdge edge{chain.from, chain.to, {}};
      const double bottom = vertices_[at(chain.from)].height / 2;
      edge.points.push_back({x(chain.from), middle[rank(chain.from)] + bottom});
      for (const int v : chain.passes) {
        edge.points.push_back({x(v), middle[rank(v)] - half[rank(v)]});
        edge.points.push_back({x(v), middle[rank(v)] + half[rank(v)]});
      }
      const double top = vertices_[at(chain.to)].height / 2;
      edge.points.push_back({x(chain.to), middle[rank(chain.to)] - top});
      made.edges.push_back(std::move(edge));
    }
    return made;
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }

  void add_edge(int from, int to) {
    Chain chain{from, to, {}};
    int last = from;
    for (int rank = vertices_[at(from)].rank + 1; rank <= vertices_[at(to)].rank; ++rank) {
      int next = to;
      if (rank < vertices_[at(to)].rank) {
        next = static_cast<int>(vertices_.size());
        vertices_.push_back({.rank = rank});
        chain.passes.push_back(next);
      }
      vertices_[at(last)].below.push_back(next);
      vertices_[at(next)].above.push_back(last);
      last = next;
    }
    chains_.push_back(std::move(chain));
  }

  // Within a layer x is the place in the order until place().
  void number(const std::vector<int>& rank) {
    const double middle = 0.5 * static_cast<double>(rank.size() - 1);
    for (std::size_t i = 0; i < rank.size(); ++i) {
      vertices_[at(rank[i])].x = static_cast<double>(i) - middle;
    }
  }

  void sort_by(std::vector<int>& rank, std::vector<int> Vertex::*neighbours) {
    std::vector<double> key(vertices_.size());
    for (const int v : rank) {
      const std::vector<int>& near = vertices_[at(v)].*neighbours;
      double sum = 0;
      for (const int n : near) sum += vertices_[at(n)].x;
      key[at(v)] = near.empty() ? vertices_[at(v)].x : sum / static_cast<double>(near.size());
    }
    std::ranges::stable_sort(rank, {}, [&](int v) { return key[at(v)]; });
    number(rank);
  }

  // The trunk, which stands in one line: what is alone in its layer, and between two of these the boxes with
  // nothing but passing edges beside them.
  void find_trunk() {
    std::size_t begin = 0;
    bool straight = true;
    for (std::size_t r = 0; r < ranks_.size(); ++r) {
      const auto boxes =
          std::ranges::count_if(ranks_[r], [&](int v) { return vertices_[at(v)].is_box; });
      straight = straight && boxes == 1;
      if (ranks_[r].size() != 1) continue;
      for (std::size_t s = straight ? begin : r; s <= r; ++s) {
        for (const int v : ranks_[s]) vertices_[at(v)].in_trunk = vertices_[at(v)].is_box;
      }
      begin = r;
      straight = true;
    }
  }

  struct Wish {
    double x, weight;
  };

  // The weighted mean of the neighbours. An edge between lanes weighs 8, from a box into one 2,
  // between boxes 1, which keeps long edges straight (Gansner et al. 1993, "A technique for drawing
  // directed graphs", section 4).
  Wish wish_of(int v) const {
    constexpr double kFixed = 1e9;
    if (vertices_[at(v)].in_trunk) return {0, kFixed};
    Wish wish{0, 0};
    for (const std::vector<int>* near : {&vertices_[at(v)].above, &vertices_[at(v)].below}) {
      for (const int n : *near) {
        const int lanes = !vertices_[at(v)].is_box + !vertices_[at(n)].is_box;
        const double weight = lanes == 2 ? 8 : lanes == 1 ? 2 : 1;
        wish.x += weight * vertices_[at(n)].x;
        wish.weight += weight;
      }
    }
    if (wish.weight == 0) return {vertices_[at(v)].x, 1};
    return {wish.x / wish.weight, wish.weight};
  }

  // Moves the vertices of a layer to where they wish to be, as far as their order and their widths
  // allow: least squares by pooling adjacent violators.
  template <class WishOf>
  void spread(const std::vector<int>& rank, WishOf&& wish_for) {
    struct Pool {
      double sum, weight;
      std::size_t count;
      double value() const { return sum / weight; }
    };
    std::vector<double> offset;
    std::vector<Pool> pools;
    double reached = 0;
    for (const int v : rank) {
      const Vertex& vertex = vertices_[at(v)];
      if (!offset.empty()) reached += vertex.width / 2;
      offset.push_back(reached);
      reached += vertex.width / 2 + gap_ / 2;
      const Wish wish = wish_for(v);
      pools.push_back({(wish.x - offset.back()) * wish.weight, wish.weight, 1});
      while (pools.size() > 1 && pools[pools.size() - 2].value() >= pools.back().value()) {
        const Pool last = pools.back();
        pools.pop_back();
        pools.back().sum += last.sum;
        pools.back().weight += last.weight;
        pools.back().count += last.count;
      }
    }
    std::size_t i = 0;
    for (const Pool& pool : pools) {
      for (std::size_t n = 0; n < pool.count; ++n, ++i) {
        vertices_[at(rank[i])].x = pool.value() + offset[i];
      }
    }
  }

  double gap_;
  std::vector<Vertex> vertices_;  // boxes first
  std::vector<Chain> chains_;
  std::vector<std::vector<int>> ranks_;  // vertices of each layer, in order
};

}  // namespace

Layout layered_layout(const std::vector<LayoutBox>& boxes, double gap) {
  Layering layering(boxes, gap);
  layering.order();
  layering.place();
  return layering.layout(boxes.size());
}

}  // namespace voluta
