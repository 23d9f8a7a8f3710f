#include "gateway/wire/schema.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/crypto/digest.h"
#include "gateway/wire/bindings.h"
#include "gateway/wire/compiler.h"
#include "gateway/wire/descriptors.h"
#include "gateway/wire/facts.h"
#include "gateway/wire/mask_value.h"
#include "gateway/wire/plan.h"

namespace domicile::wire {
namespace {

namespace pb = google::protobuf;

struct BuiltIn {
  absl::string_view service;
  absl::string_view method;
  absl::string_view request;
  absl::string_view response;
  bool client_streaming;
  bool server_streaming;
};
// What every gRPC server may serve: they say how a server is and what its schema is, never
// anything of a person.
constexpr BuiltIn kBuiltIn[] = {
    {"grpc.health.v1.Health", "Check", "grpc.health.v1.HealthCheckRequest",
     "grpc.health.v1.HealthCheckResponse", false, false},
    {"grpc.health.v1.Health", "Watch", "grpc.health.v1.HealthCheckRequest",
     "grpc.health.v1.HealthCheckResponse", false, true},
    {"grpc.reflection.v1.ServerReflection", "ServerReflectionInfo",
     "grpc.reflection.v1.ServerReflectionRequest", "grpc.reflection.v1.ServerReflectionResponse",
     true, true},
    {"grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo",
     "grpc.reflection.v1alpha.ServerReflectionRequest",
     "grpc.reflection.v1alpha.ServerReflectionResponse", true, true},
};

bool IsBuiltInService(absl::string_view service) {
  return std::any_of(std::begin(kBuiltIn), std::end(kBuiltIn),
                     [&](const BuiltIn& b) { return b.service == service; });
}

bool Same(const MethodLabels& a, const MethodLabels& b) {
  return a.action == b.action && a.route == b.route && a.withheld == b.withheld &&
         a.creates == b.creates;
}

}  // namespace

class SchemaCompiler {
 public:
  SchemaCompiler(const Descriptors& descriptors, const Bindings& bindings,
                 const access::Vocabulary& vocabulary, Schema* schema, base::Issues* issues)
      : descriptors_(descriptors),
        bindings_(bindings),
        schema_(*schema),
        issues_(*issues),
        plans_(descriptors, bindings, vocabulary, &schema->by_message_, &schema->regions_, issues) {
  }

  void Run() {
    plans_.CheckBindings();
    for (const pb::FileDescriptor* file : descriptors_.files()) {
      for (int i = 0; i < file->service_count(); ++i) Service(*file->service(i));
    }
    for (const BuiltIn& built_in : kBuiltIn) AddBuiltIn(built_in);
    std::sort(
        schema_.methods_.begin(), schema_.methods_.end(),
        [](const MethodPlan& a, const MethodPlan& b) { return a.method.path < b.method.path; });
    if (AnyReached()) CompileAllMessages();
    CloseOver(plans_.plans());
    Number();
    Labels();
    schema_.plans_ = std::move(plans_.plans());
    schema_.name_spaces_ = plans_.TakeNameSpaces();
    Digest();
  }

 private:
  void Service(const pb::ServiceDescriptor& service) {
    for (int i = 0; i < service.method_count(); ++i) Method(*service.method(i));
  }

  MethodLabels LabelsOf(const pb::MethodDescriptor& method, const MethodBinding* bound) {
    std::string problem;
    const std::optional<MethodLabels> own =
        ReadMethodLabels(method.options().SerializeAsString(), &problem);
    if (!problem.empty()) issues_.Add(method.full_name(), 0, problem);
    if (bound == nullptr) return own.value_or(MethodLabels{});
    if (own && !Same(*own, bound->labels)) {
      issues_.Add(bound->labels.place.file, bound->labels.place.line,
                  absl::StrCat("method `", method.full_name(),
                               "` has labels of its own that say otherwise; keep one of them"));
    }
    return bound->labels;
  }

  void Method(const pb::MethodDescriptor& method) {
    const std::string service = method.service()->full_name();
    const MethodBinding* bound = nullptr;
    if (auto it = bindings_.services.find(service); it != bindings_.services.end()) {
      auto found = it->second.find(method.name());
      if (found != it->second.end()) bound = &found->second;
    }
    MethodLabels labels = LabelsOf(method, bound);
    if (IsBuiltInService(service)) {
      labels = MethodLabels{};
      labels.action = access::Action::kNone;
    }
    MethodPlan plan;
    plan.service = service;
    plan.request_name = method.input_type()->full_name();
    plan.response_name = method.output_type()->full_name();
    plan.method.path = absl::StrCat("/", service, "/", method.name());
    plan.method.action = labels.action;
    plan.method.route = labels.route;
    plan.method.withheld = labels.withheld;
    plan.method.creates = labels.creates;
    plan.method.client_streaming = method.client_streaming();
    plan.method.server_streaming = method.server_streaming();
    plan.request = plans_.Root(*method.input_type(), bound == nullptr ? nullptr : &bound->request);
    plan.response = plans_.Root(*method.output_type(), nullptr);
    // With labels of its own in this method, the request is not what it is elsewhere.
    if (bound == nullptr || bound->request.children.empty()) {
      schema_.by_message_[plan.request_name] = plan.request;
    }
    schema_.by_message_[plan.response_name] = plan.response;
    schema_.methods_.push_back(std::move(plan));
  }

  void AddBuiltIn(const BuiltIn& built_in) {
    const std::string path = absl::StrCat("/", built_in.service, "/", built_in.method);
    for (const MethodPlan& plan : schema_.methods_) {
      if (plan.method.path == path) return;
    }
    MethodPlan plan;
    plan.service = std::string(built_in.service);
    plan.request_name = std::string(built_in.request);
    plan.response_name = std::string(built_in.response);
    plan.method.path = path;
    plan.method.action = access::Action::kNone;
    plan.method.client_streaming = built_in.client_streaming;
    plan.method.server_streaming = built_in.server_streaming;
    for (const MessagePlan** side : {&plan.request, &plan.response}) {
      plans_.plans().push_back(std::make_unique<MessagePlan>());
      plans_.plans().back()->full_name =
          side == &plan.request ? plan.request_name : plan.response_name;
      *side = plans_.plans().back().get();
    }
    schema_.methods_.push_back(std::move(plan));
  }

  bool AnyReached() const {
    return std::any_of(schema_.methods_.begin(), schema_.methods_.end(), [](const MethodPlan& m) {
      return ReachOf(*m.request).any || ReachOf(*m.response).any;
    });
  }

  // An Any may hold any message of the sets.
  void CompileAllMessages() {
    for (const pb::FileDescriptor* file : descriptors_.files()) {
      for (int i = 0; i < file->message_type_count(); ++i) CompileTree(*file->message_type(i));
    }
  }
  void CompileTree(const pb::Descriptor& message) {
    if (message.options().map_entry()) return;
    schema_.by_message_[message.full_name()] = plans_.Root(message, nullptr);
    for (int i = 0; i < message.nested_type_count(); ++i) CompileTree(*message.nested_type(i));
  }

  access::CategorySet Categories(const Reach& reach) const {
    access::CategorySet categories = reach.categories;
    if (!reach.any) return categories;
    categories.Add(access::kCategoryUnclassified);
    for (const auto& [name, plan] : schema_.by_message_) {
      categories = categories | ReachOf(*plan).categories;
    }
    return categories;
  }

  void Number() {
    for (size_t i = 0; i < schema_.methods_.size(); ++i) {
      MethodPlan& plan = schema_.methods_[i];
      plan.method.number = static_cast<uint32_t>(i);
      schema_.by_path_[plan.method.path] = &plan;
      const Reach request = ReachOf(*plan.request);
      const Reach response = ReachOf(*plan.response);
      plan.method.request_categories = Categories(request);
      plan.method.response_categories = Categories(response);
      if (plan.method.action != access::Action::kNone || IsBuiltInService(plan.service)) continue;
      for (const Reach* reach : {&request, &response}) {
        for (const std::string& why : reach->not_none) {
          issues_.Add(plan.method.path, 0,
                      absl::StrCat("action `none`, but it reaches ", why,
                                   "; label the method by what it does, or the field `none`"));
        }
      }
    }
  }

  void Labels() {
    auto key = [](const FieldLabel& l) {
      return std::tie(l.name, l.type, l.category, l.role, l.source);
    };
    schema_.fields_ = std::move(plans_.labels());
    std::sort(schema_.fields_.begin(), schema_.fields_.end(),
              [&](const FieldLabel& a, const FieldLabel& b) { return key(a) < key(b); });
    auto last =
        std::unique(schema_.fields_.begin(), schema_.fields_.end(),
                    [&](const FieldLabel& a, const FieldLabel& b) { return key(a) == key(b); });
    schema_.fields_.erase(last, schema_.fields_.end());
  }

  void Digest() {
    std::vector<std::string> lines;
    for (const MethodPlan& plan : schema_.methods_) {
      const access::Method& m = plan.method;
      lines.push_back(absl::StrCat("method\t", m.path, "\t", plan.request_name, "\t",
                                   plan.response_name, "\t", access::Name(m.action), "\t",
                                   static_cast<int>(m.route), "\t", static_cast<int>(m.withheld),
                                   "\t", m.creates, m.client_streaming, m.server_streaming));
    }
    for (const auto& plan : schema_.plans_) {
      lines.push_back(absl::StrCat("message\t", plan->full_name, "\t", plan->record,
                                   plan->tag_field != nullptr));
      for (const FieldPlan& field : plan->fields) {
        lines.push_back(absl::StrCat(
            "wire\t", plan->full_name, "\t", field.number, "\t", static_cast<int>(field.type),
            field.repeated, field.map, field.required, field.check_utf8, field.explicit_presence,
            "\t", field.message == nullptr ? "" : field.message->full_name));
      }
    }
    for (const FieldLabel& f : schema_.fields_) {
      lines.push_back(
          absl::StrCat("field\t", f.name, "\t", f.type, "\t", f.category, "\t", f.role));
    }
    std::sort(lines.begin(), lines.end());
    lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
    std::string all = "domicile schema 1\n";
    for (const std::string& line : lines) absl::StrAppend(&all, line, "\n");
    schema_.digest_ = crypto::Sha256(all);
  }

  const Descriptors& descriptors_;
  const Bindings& bindings_;
  Schema& schema_;
  base::Issues& issues_;
  PlanCompiler plans_;
};

Schema::Schema() = default;
Schema::~Schema() = default;

std::shared_ptr<const Schema> Schema::Load(const SchemaFiles& files,
                                           const access::Vocabulary& vocabulary,
                                           base::Issues* issues) {
  base::Issues found;
  const Bindings bindings = ReadBindings(files.bindings, &found);
  base::Issues linking;
  const std::unique_ptr<Descriptors> descriptors =
      Descriptors::Build(files.descriptor_sets, &linking);
  found.Append(linking);
  std::shared_ptr<Schema> schema(new Schema());
  if (descriptors != nullptr) {
    schema->regions_ = vocabulary.regions;
    SchemaCompiler(*descriptors, bindings, vocabulary, schema.get(), &found).Run();
  }
  const bool ok = found.ok();
  issues->Append(found);
  if (!ok) return nullptr;
  return schema;
}

const MethodPlan* Schema::FindMethod(absl::string_view path) const {
  auto it = by_path_.find(path);
  return it == by_path_.end() ? nullptr : it->second;
}

const MessagePlan* Schema::FindMessage(absl::string_view full_name) const {
  auto it = by_message_.find(full_name);
  return it == by_message_.end() ? nullptr : it->second;
}

base::Issues Schema::CheckMasks(const access::Vocabulary& vocabulary, const Masks& masks) const {
  std::set<std::string> lines;
  for (const auto& plan : plans_) {
    for (const FieldPlan& field : plan->fields) {
      if (field.message != nullptr || !field.judged()) continue;
      if (field.category.value >= masks.by_category.size()) continue;
      const Mask& mask = masks.by_category[field.category.value];
      if (mask.kind == MaskKind::kClear || CanMask(mask, field.type)) continue;
      lines.insert(absl::StrCat(plan->full_name, ".", field.name, ": the mask of category `",
                                vocabulary.categories.Name(field.category),
                                "` can't be applied to its type; masking empties it"));
    }
  }
  base::Issues issues;
  for (const std::string& line : lines) issues.Warn("", 0, line);
  return issues;
}

}  // namespace domicile::wire
