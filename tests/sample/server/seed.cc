#include "tests/sample/server/seed.h"

#include "absl/strings/str_cat.h"
#include "acme/orders/v1/orders.pb.h"
#include "acme/profiles/v1/profiles.pb.h"
#include "gateway/main/demo/people.h"

namespace domicile::sample {
using demo::PeopleOf;
using demo::Person;

namespace {

constexpr int64_t kSeededAtMs = 1'767'225'600'000;  // 2026-01-01, so that runs are equal

acme::profiles::v1::Profile ProfileOf(const Person& person) {
  acme::profiles::v1::Profile profile;
  profile.set_user_id(person.id);
  profile.set_display_name(person.display_name);
  profile.set_bio(person.bio);
  profile.set_email(person.email);
  profile.set_phone(person.phone);
  profile.set_last_ip(person.last_ip);
  profile.add_recent_ips(person.last_ip);
  auto* device = profile.add_devices();
  device->set_model(person.device_serial.substr(0, 2));
  device->set_serial(person.device_serial);
  profile.mutable_last_location()->set_latitude(person.latitude);
  profile.mutable_last_location()->set_longitude(person.longitude);
  profile.set_birth_year(person.birth_year);
  profile.set_updated_at_ms(kSeededAtMs);
  return profile;
}

absl::Status AddProfile(Database& database, const Person& person) {
  acme::profiles::v1::Profile profile = ProfileOf(person);
  absl::Status status =
      database.Insert(Table::kProfiles, {person.id, ""}, profile.SerializeAsString());
  if (!status.ok()) return status;
  return database.IndexProfile(person.id, {person.email, person.phone, person.display_name});
}

absl::Status AddActivity(Database& database, const Person& person) {
  for (int i = 0; i < 3; ++i) {
    acme::profiles::v1::Session session;
    session.set_session_id(absl::StrCat("s-", i));
    session.set_user_id(person.id);
    session.set_ip(person.last_ip);
    session.set_started_at_ms(kSeededAtMs - i * int64_t{86'400'000});
    session.set_app_version("7.1");
    absl::Status status = database.Insert(Table::kSessions, {person.id, session.session_id()},
                                          session.SerializeAsString());
    if (!status.ok()) return status;
  }
  acme::profiles::v1::Post post;
  post.set_post_id("p-0");
  post.set_user_id(person.id);
  post.set_text(absl::StrCat("hello from ", person.city));
  post.set_created_at_ms(kSeededAtMs);
  absl::Status status =
      database.Insert(Table::kPosts, {person.id, post.post_id()}, post.SerializeAsString());
  if (!status.ok()) return status;
  acme::profiles::v1::Features features;
  features.set_user_id(person.id);
  for (int i = 0; i < 8; ++i) {
    features.add_values(static_cast<float>((person.birth_year * (i + 3)) % 97) / 97);
  }
  return database.Insert(Table::kFeatures, {person.id, ""}, features.SerializeAsString());
}

absl::Status AddOrder(Database& database, const Person& person) {
  acme::orders::v1::Order order;
  order.set_order_id("o-0");
  order.set_customer_id(person.id);
  order.mutable_ship_to()->set_street("1 Example Street");
  order.mutable_ship_to()->set_city(person.city);
  auto* item = order.add_items();
  item->set_product("mug");
  item->set_quantity(1);
  item->set_price_cents(900);
  order.set_card_last4(absl::StrCat(1000 + person.birth_year % 9000));
  order.set_placed_from_ip(person.last_ip);
  order.set_state("shipped");
  return database.Insert(Table::kOrders, {person.id, order.order_id()}, order.SerializeAsString());
}

}  // namespace

absl::Status Seed(Database& database, const std::string& region, uint64_t seed, int people) {
  auto count = database.CountProfiles();
  if (!count.ok()) return count.status();
  if (*count > 0) return absl::OkStatus();
  return database.Together([&]() -> absl::Status {
    for (const Person& person : PeopleOf(region, seed, people)) {
      for (auto* add : {AddProfile, AddActivity, AddOrder}) {
        if (absl::Status status = add(database, person); !status.ok()) return status;
      }
    }
    return absl::OkStatus();
  });
}

}  // namespace domicile::sample
