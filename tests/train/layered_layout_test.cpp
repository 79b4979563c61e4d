#include <gtest/gtest.h>
#include <voluta/train/layered_layout.h>

#include <cmath>

namespace voluta {
namespace {

// A chain, a block of four branches of different lengths, a shortcut over three layers.
const std::vector<LayoutBox> kBoxes = {
    {80, 40, {}},  {80, 40, {0}}, {90, 40, {1}}, {60, 40, {1}},          {70, 30, {1}},
    {50, 40, {2}}, {50, 40, {5}}, {50, 40, {3}}, {90, 40, {6, 7, 4, 1}}, {40, 40, {8}}};

TEST(LayeredLayout, BoxesStandApartAndEdgesLeadDown) {
  const Layout layout = layered_layout(kBoxes, 20);
  ASSERT_EQ(layout.centers.size(), kBoxes.size());
  for (std::size_t i = 0; i < kBoxes.size(); ++i) {
    const Point& a = layout.centers[i];
    EXPECT_GE(a.x - kBoxes[i].width / 2, 0);
    EXPECT_LE(a.x + kBoxes[i].width / 2, layout.width);
    EXPECT_LE(a.y + kBoxes[i].height / 2, layout.height);
    for (const int input : kBoxes[i].inputs) {
      EXPECT_GT(a.y, layout.centers[static_cast<std::size_t>(input)].y);
    }
    for (std::size_t j = 0; j < i; ++j) {
      const Point& b = layout.centers[j];
      const double across = std::abs(a.x - b.x) - (kBoxes[i].width + kBoxes[j].width) / 2;
      const double down = std::abs(a.y - b.y) - (kBoxes[i].height + kBoxes[j].height) / 2;
      EXPECT_TRUE(across >= 9.999 || down >= 19.999) << i << " and " << j;
    }
  }
}

TEST(LayeredLayout, EdgesPassBetweenTheBoxesOfTheLayersTheyCross) {
  const Layout layout = layered_layout(kBoxes, 20);
  EXPECT_EQ(layout.edges.size(), 12u);
  for (const LayoutEdge& edge : layout.edges) {
    for (std::size_t p = 1; p + 1 < edge.points.size(); ++p) {
      const Point& point = edge.points[p];
      EXPECT_GT(point.y, edge.points[p - 1].y);
      for (std::size_t i = 0; i < kBoxes.size(); ++i) {
        const bool inside = std::abs(point.x - layout.centers[i].x) < kBoxes[i].width / 2 &&
                            std::abs(point.y - layout.centers[i].y) < kBoxes[i].height / 2;
        EXPECT_FALSE(inside) << "the edge " << edge.from << " to " << edge.to << " meets " << i;
      }
    }
  }
}

TEST(LayeredLayout, AChainIsALine) {
  const Layout layout = layered_layout({{80, 40, {}}, {20, 40, {0}}, {60, 40, {1}}}, 20);
  EXPECT_NEAR(layout.centers[0].x, layout.centers[1].x, 0.01);
  EXPECT_NEAR(layout.centers[1].x, layout.centers[2].x, 0.01);
  EXPECT_EQ(layout.height, 3 * 40 + 3 * 20);
}

// Residual blocks: an edge passes two boxes, one of them with a box of its own on the way.
TEST(LayeredLayout, TheTrunkIsALine) {
  std::vector<LayoutBox> boxes{{80, 40, {}}};
  for (int block = 0; block < 12; ++block) {
    const int in = static_cast<int>(boxes.size()) - 1;
    boxes.push_back({90, 40, {in}});
    boxes.push_back({60, 40, {in + 1}});
    if (block == 5) boxes.push_back({70, 40, {in}});
    const int last = static_cast<int>(boxes.size()) - 1;
    boxes.push_back({80, 40, {in + 2, last == in + 2 ? in : last}});
  }
  const Layout layout = layered_layout(boxes, 20);
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const bool beside = i >= 16 && i <= 18;  // of the block with two ways
    if (beside) continue;
    EXPECT_NEAR(layout.centers[i].x, layout.centers[0].x, 0.01) << i;
  }
  EXPECT_LT(layout.width, 300);
}

}  // namespace
}  // namespace voluta
