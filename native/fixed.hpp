// Fixed-point arithmetic of the separable resampling of eight-bit color. Sums of integers are the same in any order, so
// every instruction set gives the same bytes, at twice the speed of floats. Weights have 15 bits, and the row between the two
// axes seven bits below the level: results are off by thousandths of a level, by 0.02 where noise shrinks to a fourteenth.
#pragma once

#include <cstdint>

namespace imagefeed {

// After the vertical sum this many bits are dropped, which makes a level 127: the largest row still fits 16 bits.
constexpr int kRowShift = 8;
constexpr int kRowLevel = 127;
// The weights of an output sum to this: a single weight of one fits 16 bits, and moves levels without rounding.
constexpr int kWeightOne = kRowLevel << kRowShift;
// From the sum of both axes back to levels.
constexpr float kFixedToLevel = 1.0f / (static_cast<float>(kRowLevel) * static_cast<float>(kWeightOne));

// A row of pairs: two neighbouring pixels lie channel by channel, R0 R1 G0 G1 B0 B1 X0 X1.
constexpr int kPairSamples = 8;
// Horizontal weights come in fours of pairs, which fill a 512-bit register; or in two, which is enough for three taps: all
// that enlarging takes, and shrinking by a little.
constexpr int kPairGroup = 4;
constexpr int kFewPairs = 2;

}  // namespace imagefeed
