// exception_story.h — the official way, told by `domicile demo`: asked for, signed by two officers,
// used, used up, and taken back inside an open stream.
//
// The same engineer in China whom a rule escalates; officers of the region of origin; real commands
// of this program as they would type them, and the very call that was stopped, unchanged.
// Errors: a step that comes out otherwise is said and counted. Thread-compatible.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_EXCEPTION_STORY_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_EXCEPTION_STORY_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gateway/main/demo/stage.h"
#include "gateway/main/demo/world.h"

namespace domicile::demo {

// A compliance and a privacy officer in Dublin.
std::vector<StaffMember> EuropeanOfficers();

// Tells it line by line. How many steps came out otherwise, of how many.
struct StoryResult {
  int steps = 0, otherwise = 0;
};
StoryResult TellExceptionStory(Stage& stage, const std::string& program,
                               const std::function<void(absl::string_view)>& print);

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_EXCEPTION_STORY_H_
