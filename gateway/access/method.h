// method.h — what a method's labels say it does (design 6.2), as one small noun.
//
// Made by `wire/` from descriptors and bindings; read by `enforce/`.
// Errors: none; zero memory is an unlabelled method, which is denied.
#ifndef DOMICILE_GATEWAY_ACCESS_METHOD_H_
#define DOMICILE_GATEWAY_ACCESS_METHOD_H_

#include <cstdint>
#include <string>

#include "gateway/access/effect.h"
#include "gateway/access/index.h"

namespace domicile::access {

// Where a call without a known data subject goes.
enum class Route : uint8_t { kDataSubject = 0, kCaller = 1, kRequested = 2 };
// What happens to a stream message that is a withheld record (S13).
enum class Withheld : uint8_t { kEnd = 0, kSkip = 1 };
// What a record without a tag gets (upstream setting `untagged`): the directory's homes, or a
// denial.
enum class Untagged : uint8_t { kDeny = 0, kDirectory = 1 };

struct Method {
  std::string path;     // "/acme.profiles.v1.Profiles/Get", exact
  uint32_t number = 0;  // place in the sorted list of the schema's paths; entries use it
  Action action = Action::kUnlabelled;
  Route route = Route::kDataSubject;
  Withheld withheld = Withheld::kEnd;
  bool creates = false;  // registers a home for the data subjects it names
  bool client_streaming = false;
  bool server_streaming = false;
  CategorySet request_categories;   // judged categories that its request can hold, E not included
  CategorySet response_categories;  // judged categories that its response can hold, E not included
};

}  // namespace domicile::access

#endif  // DOMICILE_GATEWAY_ACCESS_METHOD_H_
