// heap.h — how many bytes this process holds by malloc, now and at most.
//
// Resident memory says how much the kernel gave, in pages and late; a budget of 64 kB needs to know
// what was asked for. Linked into a program, heap.cc takes the place of the C library's malloc and
// counts on top of it. Not under a sanitizer, which has a malloc of its own.
#ifndef DOMICILE_TESTS_ATTACKS_HEAP_H_
#define DOMICILE_TESTS_ATTACKS_HEAP_H_

#include <atomic>
#include <cstdint>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DOMICILE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define DOMICILE_SANITIZED 1
#endif
#endif

namespace domicile::attacks {

// Built for measuring: what it costs says something about what ships.
#if defined(__OPTIMIZE__) && !defined(DOMICILE_SANITIZED)
inline constexpr bool kMeasured = true;
#else
inline constexpr bool kMeasured = false;
#endif
// `./dev test --long`: times of a machine that is known, and not of whichever runs a change.
inline bool Strict() { return kMeasured && std::getenv("DOMICILE_LONG") != nullptr; }

struct HeapUse {
  std::atomic<int64_t> now{0}, most{0};  // bytes, as malloc rounds them
};

// Counts into `use`, which may lie in memory shared with another process, from now on.
void CountHeapInto(HeapUse* use);

}  // namespace domicile::attacks

#endif  // DOMICILE_TESTS_ATTACKS_HEAP_H_
