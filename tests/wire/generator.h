// generator.h — random messages of a type, and other spellings of the same message.
//
// Everything made here is valid and unambiguous: what a serialiser of some language could write.
#ifndef DOMICILE_TESTS_WIRE_GENERATOR_H_
#define DOMICILE_TESTS_WIRE_GENERATOR_H_

#include <google/protobuf/message.h>

#include <random>
#include <string>

#include "tests/wire/test_schema.h"

namespace domicile::wire {

class Generator {
 public:
  Generator(EveryWorld& world, uint64_t seed) : world_(world), random_(seed) {}

  uint64_t Next() { return random_(); }
  bool OneIn(uint64_t n) { return random_() % n == 0; }
  size_t Below(size_t n) { return static_cast<size_t>(random_() % n); }

  // Fills a new message; now and then one that nests 64 deep, with `unknown` also fields that
  // the type doesn't have.
  std::unique_ptr<google::protobuf::Message> Message(const std::string& type, bool unknown);

  // The same message with its fields in another order, repeated numbers packed or not, and
  // lengths and tags with padding.
  std::string Respell(const std::string& bytes, const google::protobuf::Descriptor& type);

  // Bytes of a message, damaged.
  std::string Damage(std::string bytes, const std::string& other);

 private:
  void Fill(google::protobuf::Message* message, int depth);
  void FillField(google::protobuf::Message* message, const google::protobuf::FieldDescriptor* field,
                 int depth);
  void FillAny(google::protobuf::Message* any, int depth);
  void FillMap(google::protobuf::Message* message, const google::protobuf::FieldDescriptor* field,
               int depth);
  void Put(google::protobuf::Message* message, const google::protobuf::FieldDescriptor* field);
  void AddUnknown(google::protobuf::Message* message);
  std::string Text(const google::protobuf::FieldDescriptor* field);
  uint64_t Number();
  void PutLength(size_t length, std::string* out);

  EveryWorld& world_;
  std::mt19937_64 random_;
  int budget_ = 0;  // fields still to be set
  bool unknown_ = false;
};

}  // namespace domicile::wire

#endif  // DOMICILE_TESTS_WIRE_GENERATOR_H_
