// pooled.h — memory of short-lived objects, kept by the thread that freed it for its next ones.
//
// Why: one call makes two objects of one to two KiB, and the C library's allocator keeps only
// smaller ones (up to 1,032 bytes) in its per-thread cache; larger ones cost it a search and a
// merge each time. An object that derives from Pooled<T> comes from a list of its thread. Memory
// that is freed on another thread than it came from goes to that thread's list. Thread-safety:
// thread-safe; no locks, as nothing is shared. Limits: kKept objects a type and thread; what is
// over goes back to the C library. Under a sanitizer nothing is kept, so that a use after free is
// seen. Source: glibc's tcache (malloc/malloc.c, MAX_TCACHE_SIZE). Errors: as operator new.
#ifndef DOMICILE_GATEWAY_BASE_POOLED_H_
#define DOMICILE_GATEWAY_BASE_POOLED_H_

#include <cstddef>
#include <new>

namespace domicile::base {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define DOMICILE_NOTHING_IS_POOLED 1
#endif
#endif

template <class T>
class Pooled {
 public:
  // Calls in flight on a busy loop.
  static constexpr size_t kKept = 1024;

  static void* operator new(size_t size) {
    List& list = Here();
    // A derived class of another size does without.
    if (size != sizeof(T) || list.first == nullptr) return ::operator new(size);
    Free* taken = list.first;
    list.first = taken->next;
    --list.count;
    return taken;
  }
  static void operator delete(void* memory, size_t size) {
#if !defined(DOMICILE_NOTHING_IS_POOLED)
    List& list = Here();
    if (memory != nullptr && size == sizeof(T) && list.count < kKept) {
      list.first = new (memory) Free{list.first};
      ++list.count;
      return;
    }
#endif
    ::operator delete(memory);
  }

 private:
  struct Free {
    Free* next;
  };
  struct List {
    ~List() {
      while (first != nullptr) {
        Free* next = first->next;
        ::operator delete(first);
        first = next;
      }
      count = kKept;  // what is freed later on this thread is not kept
    }
    Free* first = nullptr;
    size_t count = 0;
  };
  static List& Here() {
    static thread_local List list;
    return list;
  }
};

}  // namespace domicile::base

#endif  // DOMICILE_GATEWAY_BASE_POOLED_H_
