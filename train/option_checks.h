#pragma once

// Checks of a run's options that more than one part of it makes.

namespace voluta {

// Throws invalid(), naming the option ("ScheduleOptions::lr"), unless the value is finite and at least 0.
void check_at_least_0(const char* option, double value);

}  // namespace voluta
