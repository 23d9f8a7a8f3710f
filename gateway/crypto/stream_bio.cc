#include "gateway/crypto/stream_bio.h"

#include <algorithm>
#include <cstring>

#include "gateway/base/check.h"

namespace domicile::crypto {
namespace {

int BioRead(BIO* bio, char* to, size_t size, size_t* done) {
  auto* in = static_cast<absl::string_view*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *done = std::min(size, in->size());
  if (*done == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(to, in->data(), *done);
  in->remove_prefix(*done);
  return 1;
}

int BioWrite(BIO* bio, const char* from, size_t size, size_t* done) {
  BIO_clear_retry_flags(bio);
  static_cast<std::string*>(BIO_get_data(bio))->append(from, size);
  *done = size;
  return 1;
}

long BioControl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

// Reads straight from the caller's bytes and appends straight to the output: no copy between.
const BIO_METHOD* StreamBio() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "domicile stream");
    DOMICILE_CHECK(made != nullptr);
    BIO_meth_set_read_ex(made, BioRead);
    BIO_meth_set_write_ex(made, BioWrite);
    BIO_meth_set_ctrl(made, BioControl);
    return made;
  }();
  return method;
}

BIO* NewBio(void* data) {
  BIO* bio = BIO_new(StreamBio());
  DOMICILE_CHECK(bio != nullptr);
  BIO_set_data(bio, data);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace

BIO* NewStreamBio(absl::string_view* in) { return NewBio(in); }
BIO* NewStreamBio(std::string* out) { return NewBio(out); }

}  // namespace domicile::crypto
