#include "gateway/wire/schema.h"

#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/wire/test_schema.h"

namespace domicile::wire {
namespace {

namespace pb = google::protobuf;
using ::testing::Test;

access::CategorySet Set(const std::vector<std::string>& names) {
  access::CategorySet set;
  for (const std::string& name : names) set.Add(CategoryNamed(name));
  return set;
}

const FieldLabel* Find(const Schema& schema, const std::string& name) {
  for (const FieldLabel& label : schema.fields()) {
    if (label.name == name) return &label;
  }
  return nullptr;
}

std::string CategoryOf(const Schema& schema, const std::string& name) {
  const FieldLabel* label = Find(schema, name);
  return label == nullptr ? "absent" : label->category;
}

// One service `a.v1.A` with `rpc Get(Q) returns (R)` labelled read, around `body`.
std::string OneService(const std::string& body, const std::string& imports = "",
                       const std::string& action = "READ", const std::string& syntax = "proto3") {
  return CompileProtos({{"a.proto", absl::StrCat("syntax = \"", syntax, "\"; package a.v1;\n",
                                                 "import \"domicile/v1/annotations.proto\";\n",
                                                 imports, "service A { rpc Get(Q) returns (R) {",
                                                 "option (domicile.v1.method) = {action: ", action,
                                                 "}; } }\n", body)}});
}

TEST(Schema, FindsAMethodByItsExactPathAlone) {
  const Schema& schema = *Every().schema;
  const MethodPlan* get = schema.FindMethod("/every.v1.Every/Get");
  ASSERT_NE(get, nullptr);
  EXPECT_EQ(get->method.action, access::Action::kRead);
  EXPECT_EQ(get->request_name, "every.v1.GetRequest");
  EXPECT_EQ(get->response_name, "every.v1.Person");
  for (const char* path : {"every.v1.Every/Get", "//every.v1.Every/Get", "/every.v1.Every/Get/",
                           "/every.v1.Every/get", "/every.v1.Every/Get?x", "/every.v1.Every/G%65t",
                           "/every.v1.Every/../every.v1.Every/Get", "/every.v1.Every/Ge", ""}) {
    EXPECT_EQ(schema.FindMethod(path), nullptr) << path;
  }
}

TEST(Schema, ReadsEveryMethodLabel) {
  const Schema& schema = *Every().schema;
  const access::Method& create = schema.FindMethod("/every.v1.Every/Create")->method;
  EXPECT_EQ(create.action, access::Action::kCreate);
  EXPECT_EQ(create.route, access::Route::kCaller);
  EXPECT_TRUE(create.creates);
  EXPECT_EQ(create.withheld, access::Withheld::kEnd);
  const access::Method& watch = schema.FindMethod("/every.v1.Every/Watch")->method;
  EXPECT_EQ(watch.withheld, access::Withheld::kSkip);
  EXPECT_TRUE(watch.server_streaming);
  EXPECT_FALSE(watch.client_streaming);
}

TEST(Schema, AMethodWithoutALabelIsUnlabelled) {
  EXPECT_EQ(Every().schema->FindMethod("/every.v1.Every/Unlabelled")->method.action,
            access::Action::kUnlabelled);
}

TEST(Schema, MethodsAreNumberedInTheOrderOfTheirPaths) {
  absl::Span<const MethodPlan> methods = Every().schema->methods();
  for (size_t i = 0; i < methods.size(); ++i) {
    EXPECT_EQ(methods[i].method.number, i);
    if (i > 0) {
      EXPECT_LT(methods[i - 1].method.path, methods[i].method.path);
    }
  }
}

TEST(Schema, HealthAndReflectionAreBuiltInAsNone) {
  for (const char* path : {"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch",
                           "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                           "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"}) {
    const MethodPlan* method = Every().schema->FindMethod(path);
    ASSERT_NE(method, nullptr) << path;
    EXPECT_EQ(method->method.action, access::Action::kNone);
    EXPECT_NE(method->request, nullptr);
    EXPECT_NE(method->response, nullptr);
  }
}

TEST(Schema, AMethodKnowsTheCategoriesItCanReach) {
  const std::string set = OneService(
      "message Q { string email = 1 [(domicile.v1.field) = {role: LOOKUP, category: 'contact'}]; }"
      "message R { P p = 1; string note = 2 [(domicile.v1.field).category = 'none'];"
      "  repeated N nested = 3; }"
      "message P { string user_id = 1 [(domicile.v1.field) = {role: DATA_SUBJECT_ID,"
      "  namespace: 'a'}]; string x = 2; }"
      "message N { string ip = 1 [(domicile.v1.field).category = 'network_identifier']; }");
  const auto schema = LoadOrDie(set);
  const access::Method& method = schema->FindMethod("/a.v1.A/Get")->method;
  EXPECT_EQ(method.request_categories, Set({"contact"}));
  EXPECT_EQ(method.response_categories, Set({"unclassified", "network_identifier"}));
}

TEST(Schema, AnAnyCanHoldEveryCategoryOfTheSchema) {
  const access::Method& method = Every().schema->FindMethod("/every.v1.Every/Open")->method;
  EXPECT_EQ(method.response_categories,
            Set({"unclassified", "contact", "device_identifier", "network_identifier", "profile"}));
}

TEST(Schema, AFieldWithoutALabelIsUnclassified) {
  const auto schema =
      LoadOrDie(OneService("message Q {} message R { string x = 1; int32 y = 2; }"));
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.x"), "unclassified");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.y"), "unclassified");
  EXPECT_EQ(Find(*schema, "a.v1.R.x")->source, "");
}

TEST(Schema, AMessageDefaultReachesItsOwnFieldsItsMapsAndValueTypesButNoOtherMessage) {
  const auto schema = LoadOrDie(OneService(
      "message Q {} message R { option (domicile.v1.record) = {default_category: 'profile'};"
      " string x = 1; map<string, int32> m = 2; google.protobuf.Timestamp at = 3; Inner inner = 4;"
      " map<string, Inner> inners = 5; google.protobuf.Struct free = 6; }"
      " message Inner { string y = 1; }",
      "import 'google/protobuf/timestamp.proto'; import 'google/protobuf/struct.proto';"));
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.x"), "profile");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.m.key"), "profile");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.m.value"), "profile");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.at.seconds"), "profile");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.Inner.y"), "unclassified");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.inners.key"), "profile");
  EXPECT_EQ(CategoryOf(*schema, "google.protobuf.Value.string_value"), "unclassified");
}

TEST(Schema, ALabelOnAFieldReachesWhatIsUnlabelledBelowIt) {
  const auto schema = LoadOrDie(OneService(
      "message Q {} message R { Money salary = 1 [(domicile.v1.field).category = 'profile'];"
      " Money price = 2; } message Money { option (domicile.v1.record) = {default_category: "
      "'none'};"
      " int64 units = 1; string note = 2 [(domicile.v1.field).category = 'contact']; }"));
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.salary.units"), "profile");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.salary.note"), "contact");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.Money.units"), "none");
}

TEST(Schema, BindingsLabelASchemaThatCannotBeEdited) {
  const std::string set =
      CompileProtos({{"a.proto",
                      "syntax = 'proto3'; package a.v1;"
                      "service A { rpc Get(Q) returns (R); rpc List(Q) returns (T); }"
                      "message Q { string user_id = 1; } message T { repeated string topics = 1; }"
                      "message R { string user_id = 1; string last_ip = 2; repeated D devices = 3; "
                      "string x = 4; }"
                      "message D { string serial = 1; string model = 2; }"}});
  const auto schema = LoadOrDie(set, R"(
namespace: acme.user
services:
  a.v1.A:
    Get: {action: read, data_subject: [user_id]}
    List: {action: aggregate, data_subject: {user_id: acme.other}}
messages:
  a.v1.R:
    record: true
    data_subject: [user_id]
    default_category: none
    categories: {last_ip: network_identifier, devices.serial: device_identifier}
  a.v1.T: {default_category: none}
)");
  EXPECT_EQ(schema->FindMethod("/a.v1.A/Get")->method.action, access::Action::kRead);
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.last_ip"), "network_identifier");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.devices.serial"), "device_identifier");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.devices.model"), "unclassified");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.x"), "none");
  EXPECT_EQ(Find(*schema, "a.v1.R.user_id")->role, "data_subject_id:acme.user");
  // The same request message means other ids in another method.
  std::vector<std::string> roles;
  for (const FieldLabel& label : schema->fields()) {
    if (label.name == "a.v1.Q.user_id") roles.push_back(label.role);
  }
  EXPECT_EQ(roles,
            (std::vector<std::string>{"data_subject_id:acme.other", "data_subject_id:acme.user"}));
}

TEST(Schema, BindingsThatNameWhatDoesNotExistAreIssuesWithTheirLine) {
  const std::string problems =
      LoadProblems(OneService("message Q {} message R { string x = 1; }"), R"(
services:
  a.v1.A:
    Got: {action: read}
  b.B:
    Get: {action: read}
messages:
  a.v1.R: {categories: {y: contact}}
  a.v1.Nope: {default_category: none}
options:
  - {option: a.v1.nope, category: contact}
)");
  EXPECT_TRUE(absl::StrContains(problems, "test.bindings.yaml:4: method `a.v1.A/Got`")) << problems;
  EXPECT_TRUE(absl::StrContains(problems, "test.bindings.yaml:6: method `b.B/Get`")) << problems;
  EXPECT_TRUE(absl::StrContains(problems, "test.bindings.yaml:8: `a.v1.R` has no field `y`"));
  EXPECT_TRUE(absl::StrContains(problems, "test.bindings.yaml:9: message `a.v1.Nope`"));
  EXPECT_TRUE(absl::StrContains(problems, "test.bindings.yaml:11: option `a.v1.nope`"));
}

TEST(Schema, ACategoryThatThePolicyDoesNotKnowDoesNotLoad) {
  EXPECT_TRUE(absl::StrContains(
      LoadProblems(OneService("message Q {} message R { string x = 1"
                              " [(domicile.v1.field).category = 'contacts']; }")),
      "a.v1.R.x: a.v1.R.x: category `contacts` is not in the policy's categories.yaml"));
}

TEST(Schema, TwoLabelsThatDisagreeDoNotLoad) {
  const std::string set = OneService(
      "message Q {} message R { string x = 1 [(domicile.v1.field).category = 'contact']; }");
  EXPECT_TRUE(absl::StrContains(LoadProblems(set, "messages: {a.v1.R: {categories: {x: none}}}"),
                                "labelled otherwise"));
  EXPECT_TRUE(absl::StrContains(LoadProblems(set, "services: {a.v1.A: {Get: {action: none}}}"),
                                "say otherwise"));
  EXPECT_EQ(LoadProblems(set, "messages: {a.v1.R: {categories: {x: contact}}}"), "");
}

TEST(Schema, AWrongRoleDoesNotLoad) {
  auto problem = [](const std::string& field, const std::string& label) {
    return LoadProblems(
        OneService(absl::StrCat("message M { string s = 1; } message Q {} message R { ", field,
                                " = 1 [(domicile.v1.field) = {", label, "}]; }")));
  };
  EXPECT_TRUE(absl::StrContains(problem("double x", "role: DATA_SUBJECT_ID, namespace: 'a'"),
                                "must be text, bytes or an integer"));
  EXPECT_TRUE(absl::StrContains(problem("repeated string x", "role: RECORD_ID"), "must be one"));
  EXPECT_TRUE(
      absl::StrContains(problem("string x", "role: ORIGIN_TAG"), "must be one bytes field"));
  EXPECT_TRUE(absl::StrContains(problem("string x", "role: LOOKUP"), "needs a category"));
  EXPECT_TRUE(absl::StrContains(problem("int32 x", "role: HOME"), "must be one string"));
  EXPECT_TRUE(absl::StrContains(problem("M x", "role: RECORD_ID"), "a message can't be record_id"));
}

TEST(Schema, ADataSubjectIdWithoutANamespaceWarns) {
  const std::string problems = LoadProblems(OneService(
      "message Q {} message R { string x = 1 [(domicile.v1.field).role = DATA_SUBJECT_ID]; }"));
  EXPECT_TRUE(absl::StrContains(problems, "warning: a.v1.R.x: data subject id without"));
}

// S12: a method with action none must reach no label but `none`, no data-subject id, Any,
// Struct, bytes or unlabelled string.
TEST(Schema, AMethodWithActionNoneReachesNothingOfAnybody) {
  auto problems = [](const std::string& field) {
    return LoadProblems(OneService(absl::StrCat("message Q {} message R { ", field, " }"),
                                   "import 'google/protobuf/any.proto';"
                                   "import 'google/protobuf/struct.proto';",
                                   "NONE"));
  };
  EXPECT_EQ(problems("string x = 1 [(domicile.v1.field).category = 'none']; int32 total = 2;"), "");
  EXPECT_TRUE(absl::StrContains(problems("string x = 1;"), "a.v1.R.x: string without a label"));
  EXPECT_TRUE(absl::StrContains(problems("int32 x = 1 [(domicile.v1.field).category = 'contact'];"),
                                "label other than"));
  EXPECT_TRUE(absl::StrContains(problems("bytes x = 1 [(domicile.v1.field).category = 'none'];"),
                                "a.v1.R.x: bytes"));
  EXPECT_TRUE(absl::StrContains(
      problems("int32 x = 1 [(domicile.v1.field) = {role: DATA_SUBJECT_ID, namespace: 'a'}];"),
      "data subject id"));
  EXPECT_TRUE(absl::StrContains(
      problems("google.protobuf.Any x = 1 [(domicile.v1.field).category = 'none'];"),
      "google.protobuf.Any"));
  EXPECT_TRUE(absl::StrContains(
      problems("google.protobuf.Struct x = 1 [(domicile.v1.field).category = 'none'];"),
      "google.protobuf.Struct"));
  EXPECT_TRUE(absl::StrContains(problems("map<string, int32> x = 1;"), "string without a label"));
}

TEST(Schema, ForeignOptionsMapToCategories) {
  const std::string set = CompileProtos(
      {{"opt.proto",
        "syntax = 'proto3'; package opt; import 'google/protobuf/descriptor.proto';"
        "enum Kind { K_NONE = 0; K_ID = 1; K_MAIL = 2; }"
        "extend google.protobuf.FieldOptions { bool pii = 50001; Kind kind = 50002;"
        "  string tag = 50003; }"},
       {"a.proto",
        "syntax = 'proto3'; package a.v1; import 'opt.proto';"
        "service A { rpc Get(Q) returns (R); } message Q {}"
        "message R { string a = 1 [(opt.pii) = true]; string b = 2 [(opt.pii) = false];"
        " string c = 3 [(opt.kind) = K_MAIL]; string d = 4 [(opt.tag) = 'ip'];"
        " string e = 5 [(opt.tag) = 'other']; string f = 6; }"}});
  const auto schema = LoadOrDie(set, R"(
services: {a.v1.A: {Get: {action: read}}}
options:
  - {option: opt.pii, category: profile}
  - {option: opt.kind, values: {K_MAIL: contact, K_ID: device_identifier}}
  - {option: opt.tag, values: {ip: network_identifier}}
)");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.a"), "profile");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.b"), "unclassified");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.c"), "contact");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.d"), "network_identifier");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.e"), "unclassified");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.f"), "unclassified");
}

// debug_redact is younger than this protobuf: it comes as an unknown field 16.
TEST(Schema, DebugRedactOfANewerProtocMapsToACategory) {
  pb::FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(
      CompileProtos({{"a.proto",
                      "syntax = 'proto3'; package a.v1; service A { rpc Get(Q) returns (R); }"
                      "message Q {} message R { string a = 1; string b = 2; }"}})));
  pb::FieldOptions* options =
      set.mutable_file(0)->mutable_message_type(1)->mutable_field(0)->mutable_options();
  options->GetReflection()->MutableUnknownFields(options)->AddVarint(16, 1);
  const auto schema = LoadOrDie(set.SerializeAsString(), R"(
services: {a.v1.A: {Get: {action: read}}}
options: [{option: debug_redact, category: profile}]
)");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.a"), "profile");
  EXPECT_EQ(CategoryOf(*schema, "a.v1.R.b"), "unclassified");
}

pb::FileDescriptorSet EditionSet(uint64_t edition) {
  pb::FileDescriptorSet set;
  EXPECT_TRUE(set.ParseFromString(
      CompileProtos({{"a.proto",
                      "syntax = 'proto2'; package a.v1; service A { rpc Get(Q) returns (R); }"
                      "message Q {} message R { optional string a = 1; optional Q q = 2; optional "
                      "int32 n = 3; }"}})));
  pb::FileDescriptorProto* file = set.mutable_file(0);
  file->set_syntax("editions");
  file->GetReflection()->MutableUnknownFields(file)->AddVarint(14, edition);
  return set;
}

TEST(Schema, AnUnknownEditionIsAClearError) {
  const std::string problems = LoadProblems(EditionSet(1002).SerializeAsString());
  EXPECT_TRUE(absl::StrContains(problems,
                                "test.binpb: `a.proto` has syntax `editions`, edition number 1002"))
      << problems;
  EXPECT_EQ(LoadProblems(EditionSet(1000).SerializeAsString()), "");
  EXPECT_EQ(LoadProblems(EditionSet(1001).SerializeAsString()), "");
}

TEST(Schema, AnUnknownFeatureOfAnEditionIsAClearError) {
  pb::FileDescriptorSet set = EditionSet(1000);
  pb::FieldOptions* options =
      set.mutable_file(0)->mutable_message_type(1)->mutable_field(0)->mutable_options();
  // features { utf8_validation: 9 }
  options->GetReflection()->MutableUnknownFields(options)->AddLengthDelimited(21, "\x20\x09");
  EXPECT_TRUE(absl::StrContains(LoadProblems(set.SerializeAsString()), "a.v1.R.a: has a feature"));
}

TEST(Schema, AMissingImportSaysHowToMakeTheSet) {
  pb::FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(CompileProtos(
      {{"b.proto", "syntax = 'proto3'; package b; message B {}"},
       {"a.proto", "syntax = 'proto3'; package a; import 'b.proto'; message A { b.B b = 1; }"}})));
  pb::FileDescriptorSet without;
  for (const auto& file : set.file()) {
    if (file.name() == "a.proto") *without.add_file() = file;
  }
  EXPECT_TRUE(absl::StrContains(LoadProblems(without.SerializeAsString()), "--include_imports"));
  EXPECT_TRUE(absl::StrContains(LoadProblems("no set"), "not a FileDescriptorSet"));
}

TEST(Schema, TheAnnotationsFileItselfNeedNotBeInTheSet) {
  pb::FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(OneService(
      "message Q {} message R { string x = 1 [(domicile.v1.field).category = 'contact']; }")));
  pb::FileDescriptorSet without;
  for (const auto& file : set.file()) {
    if (file.name() == "a.proto") *without.add_file() = file;
  }
  EXPECT_EQ(CategoryOf(*LoadOrDie(without.SerializeAsString()), "a.v1.R.x"), "contact");
}

TEST(Schema, TheDigestFollowsTheMeaningAndNotTheOrderOfFiles) {
  const std::string a =
      "syntax = 'proto3'; package a.v1; import 'b.proto';"
      "service A { rpc Get(b.B) returns (b.B); }";
  const std::string b = "syntax = 'proto3'; package b; message B { string x = 1; }";
  const std::string set = CompileProtos({{"a.proto", a}, {"b.proto", b}});
  pb::FileDescriptorSet parsed;
  ASSERT_TRUE(parsed.ParseFromString(set));
  pb::FileDescriptorSet reversed;
  for (int i = parsed.file_size(); i-- > 0;) *reversed.add_file() = parsed.file(i);
  const std::string read = "services: {a.v1.A: {Get: {action: read}}}";
  const auto first = LoadOrDie(set, read)->digest();
  EXPECT_EQ(first, LoadOrDie(reversed.SerializeAsString(), read)->digest());
  EXPECT_NE(first, LoadOrDie(set, "services: {a.v1.A: {Get: {action: search}}}")->digest());
  EXPECT_NE(
      first,
      LoadOrDie(set, absl::StrCat(read, "\nmessages: {b.B: {default_category: none}}"))->digest());
  // Whose id it is.
  const std::string of =
      "services: {a.v1.A: {Get: {action: read, data_subject: [x]}}}\nnamespace: ";
  EXPECT_NE(LoadOrDie(set, of + "acme.user")->digest(),
            LoadOrDie(set, of + "acme.staff")->digest());
}

TEST(Schema, SaysWhichFieldsAMaskEmpties) {
  Mask masks[8];
  masks[CategoryNamed("profile").value] = {MaskKind::kLast, 4, "profile"};
  const base::Issues issues = Every().schema->CheckMasks(TestVocabulary(), Masks{masks, nullptr});
  EXPECT_TRUE(issues.ok());
  EXPECT_TRUE(absl::StrContains(issues.ToString(), "every.v1.Scalars.f_double: the mask of"));
  EXPECT_FALSE(absl::StrContains(issues.ToString(), "every.v1.Scalars.f_string: the mask of"));
}

std::string ReadSample(const std::string& name) {
  std::ifstream in(std::string(DOMICILE_SOURCE_DIR) + "/tests/sample/" + name);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_TRUE(in.good()) << name;
  return text.str();
}

TEST(Schema, TheSampleCompanysLabelsLoad) {
  access::Vocabulary vocabulary = TestVocabulary();
  vocabulary.categories = *access::NameList<access::CategoryIndex>::Create(
      {"behaviour", "contact", "content", "device_identifier", "financial", "network_identifier",
       "precise_geolocation", "profile"},
      {"none", "existence", "unclassified"});
  SchemaFiles files;
  std::map<std::string, std::string> protos;
  for (const char* name : {"acme/profiles/v1/profiles.proto", "acme/interop/v1/interop.proto",
                           "acme/orders/v1/orders.proto"}) {
    protos[name] = ReadSample(std::string("proto/") + name);
  }
  files.descriptor_sets.push_back({"acme.binpb", CompileProtos(protos)});
  files.bindings.push_back({"acme.bindings.yaml", ReadSample("acme.bindings.yaml")});
  base::Issues issues;
  const auto schema = Schema::Load(files, vocabulary, &issues);
  ASSERT_NE(schema, nullptr) << issues.ToString();
  EXPECT_EQ(issues.ToString(), "");
  EXPECT_EQ(schema->FindMethod("/acme.orders.v1.Orders/Reprice")->method.action,
            access::Action::kUnlabelled);
  // Nothing that a labelled method can give is left without a label.
  for (const MethodPlan& method : schema->methods()) {
    if (method.method.action == access::Action::kUnlabelled) continue;
    EXPECT_FALSE(method.method.request_categories.Has(access::kCategoryUnclassified))
        << method.method.path;
    EXPECT_FALSE(method.method.response_categories.Has(access::kCategoryUnclassified))
        << method.method.path;
  }
}

}  // namespace
}  // namespace domicile::wire
