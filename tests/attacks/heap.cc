#include "tests/attacks/heap.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>

namespace domicile::attacks {
namespace {

std::atomic<HeapUse*> counted{nullptr};

#ifndef DOMICILE_SANITIZED
void Took(void* piece) {
  HeapUse* use = counted.load(std::memory_order_relaxed);
  if (use == nullptr || piece == nullptr) return;
  const auto size = static_cast<int64_t>(malloc_usable_size(piece));
  const int64_t now = use->now.fetch_add(size, std::memory_order_relaxed) + size;
  int64_t most = use->most.load(std::memory_order_relaxed);
  while (now > most && !use->most.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
  }
}

void Gives(void* piece) {
  HeapUse* use = counted.load(std::memory_order_relaxed);
  if (use == nullptr || piece == nullptr) return;
  use->now.fetch_sub(static_cast<int64_t>(malloc_usable_size(piece)), std::memory_order_relaxed);
}
#endif

}  // namespace

void CountHeapInto(HeapUse* use) { counted.store(use, std::memory_order_relaxed); }

}  // namespace domicile::attacks

#ifndef DOMICILE_SANITIZED
// "Replacing malloc" of the GNU C Library's manual: these and no others.
extern "C" {

void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);

void* malloc(size_t size) {
  void* piece = __libc_malloc(size);
  domicile::attacks::Took(piece);
  return piece;
}

void* calloc(size_t count, size_t size) {
  void* piece = __libc_calloc(count, size);
  domicile::attacks::Took(piece);
  return piece;
}

void* realloc(void* old, size_t size) {
  domicile::attacks::Gives(old);
  void* piece = __libc_realloc(old, size);
  // Where there was no room the old piece stays.
  domicile::attacks::Took(piece == nullptr && size > 0 ? old : piece);
  return piece;
}

void* memalign(size_t alignment, size_t size) {
  void* piece = __libc_memalign(alignment, size);
  domicile::attacks::Took(piece);
  return piece;
}

void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void** out, size_t alignment, size_t size) {
  void* piece = memalign(alignment, size);
  if (piece == nullptr) return ENOMEM;
  *out = piece;
  return 0;
}

void free(void* piece) {
  domicile::attacks::Gives(piece);
  __libc_free(piece);
}
}
#endif
