#include "gateway/store/tickets_file.h"

#include <utility>
#include <vector>

#include "gateway/base/issue.h"
#include "gateway/store/csv.h"
#include "gateway/store/json_lines.h"
#include "nlohmann/json.hpp"

namespace domicile::store {
namespace {

using nlohmann::json;

constexpr absl::string_view kKeys[] = {"id",        "open",          "type",
                                       "assignees", "data_subjects", "expires"};

// A non-empty string member.
bool ReadText(const json& object, const char* name, std::string& text) {
  auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return false;
  text = found->get<std::string>();
  return !text.empty();
}

bool ReadSubject(const json& object, access::DataSubject& subject) {
  return object.is_object() && object.size() == 2 &&
         ReadText(object, "namespace", subject.name_space) && ReadText(object, "id", subject.id);
}

class TicketReader {
 public:
  TicketReader(absl::string_view file, base::Issues& issues) : file_(file), issues_(issues) {}

  void Read(int line, const json& object, identity::Ticket& ticket) {
    line_ = line;
    Require(ReadText(object, "id", ticket.id), "id is missing or no text");
    auto open = object.find("open");
    bool has_open = open != object.end() && open->is_boolean();
    Require(has_open, "open is not true or false");
    ticket.open = has_open && open->get<bool>();
    if (object.contains("type")) Require(ReadText(object, "type", ticket.type), "type is no text");
    ReadAssignees(object, ticket);
    ReadSubjects(object, ticket);
    std::string expires;
    Require(ReadText(object, "expires", expires) && ParseTime(expires, &ticket.expires),
            "expires is not an RFC 3339 time");
  }

 private:
  void Require(bool condition, absl::string_view problem) {
    if (!condition) issues_.Add(file_, line_, problem);
  }

  void ReadAssignees(const json& object, identity::Ticket& ticket) {
    auto list = object.find("assignees");
    if (list == object.end()) return;
    if (!list->is_array()) return Require(false, "assignees is no list");
    for (const json& item : *list) {
      bool text = item.is_string() && !item.get_ref<const std::string&>().empty();
      Require(text, "assignees is not a list of staff ids");
      if (text) ticket.assignees.push_back(item.get<std::string>());
    }
  }

  void ReadSubjects(const json& object, identity::Ticket& ticket) {
    auto list = object.find("data_subjects");
    if (list == object.end()) return;
    if (!list->is_array()) return Require(false, "data_subjects is no list");
    Require(list->size() <= kTicketSubjectsMax, "data_subjects has more than 1000 people");
    for (const json& item : *list) {
      access::DataSubject& subject = ticket.data_subjects.emplace_back();
      Require(ReadSubject(item, subject), "data_subjects is not a list of namespace and id");
    }
  }

  absl::string_view file_;
  base::Issues& issues_;
  int line_ = 0;
};

}  // namespace

absl::StatusOr<identity::TicketList> ParseTicketsFile(absl::string_view content,
                                                      absl::string_view file, absl::Time as_of) {
  base::Issues issues;
  TicketReader reader(file, issues);
  std::vector<identity::Ticket> tickets;
  ReadJsonLines(content, file, kKeys, issues, [&](int line, const json& object) {
    if (tickets.size() == kTicketsMax)
      return issues.Add(file, line, "is one of over 1000000 tickets");
    reader.Read(line, object, tickets.emplace_back());
  });
  if (!issues.ok()) return issues.ToStatus();
  return identity::TicketList::Create(std::move(tickets), as_of);
}

}  // namespace domicile::store
