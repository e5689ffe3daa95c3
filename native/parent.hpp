// A process that works for another one ends with it.
#pragma once

namespace imagefeed {

// From now on this process ends, at once and whatever it does, when its parent is not `parent` any more. A thread of
// its own looks every tenth of a second: it needs no GIL, so a Python function that never comes back does not matter.
void end_with_parent(long parent);

}  // namespace imagefeed
