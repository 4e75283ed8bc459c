// Tells ThreadSanitizer of absl::Mutex. Debian's library was built without it, so each lock would look
// like none. These definitions stand in front of the library's, and call them. What a condition reads
// is not watched.
#if defined(__SANITIZE_THREAD__)
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <absl/synchronization/mutex.h>

namespace {

constexpr unsigned kExclusive = __tsan_mutex_linker_init;
constexpr unsigned kShared = kExclusive | __tsan_mutex_read_lock;

// The library's function; its namespace is called so by Debian.
template <class Function>
Function* Next(const char* name) {
  char symbol[160] = "_ZN4absl7debian3";
  __builtin_strcat(symbol, name);
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, symbol));
}

// The library's functions call one another: only the outermost is told.
thread_local int depth = 0;

class Locking {
 public:
  Locking(void* mutex, unsigned flags) : mutex_(mutex), flags_(flags) {
    if (depth++ == 0) __tsan_mutex_pre_lock(mutex_, flags_);
  }
  ~Locking() {
    if (--depth == 0) __tsan_mutex_post_lock(mutex_, flags_, 0);
  }

 private:
  void* const mutex_;
  const unsigned flags_;
};

class Unlocking {
 public:
  Unlocking(void* mutex, unsigned flags) : mutex_(mutex), flags_(flags) {
    if (depth++ == 0) __tsan_mutex_pre_unlock(mutex_, flags_);
  }
  ~Unlocking() {
    if (--depth == 0) __tsan_mutex_post_unlock(mutex_, flags_);
  }

 private:
  void* const mutex_;
  const unsigned flags_;
};

// Let go of, and taken again in the end.
class Waiting {
 public:
  explicit Waiting(void* mutex) : lock_((Unlocking(mutex, kExclusive), mutex), kExclusive) {}

 private:
  const Locking lock_;
};

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

Mutex::~Mutex() {
  static auto* const next = Next<void(Mutex*)>("5MutexD1Ev");
  __tsan_mutex_destroy(this, kExclusive);
  next(this);
}
void Mutex::Lock() {
  static auto* const next = Next<void(Mutex*)>("5Mutex4LockEv");
  const Locking locking(this, kExclusive);
  next(this);
}
void Mutex::Unlock() {
  static auto* const next = Next<void(Mutex*)>("5Mutex6UnlockEv");
  const Unlocking unlocking(this, kExclusive);
  next(this);
}
bool Mutex::TryLock() {
  static auto* const next = Next<bool(Mutex*)>("5Mutex7TryLockEv");
  const unsigned flags = kExclusive | __tsan_mutex_try_lock;
  __tsan_mutex_pre_lock(this, flags);
  const bool taken = next(this);
  __tsan_mutex_post_lock(this, taken ? flags : flags | __tsan_mutex_try_lock_failed, 0);
  return taken;
}
void Mutex::ReaderLock() {
  static auto* const next = Next<void(Mutex*)>("5Mutex10ReaderLockEv");
  const Locking locking(this, kShared);
  next(this);
}
void Mutex::ReaderUnlock() {
  static auto* const next = Next<void(Mutex*)>("5Mutex12ReaderUnlockEv");
  const Unlocking unlocking(this, kShared);
  next(this);
}
void Mutex::LockWhen(const Condition& condition) {
  static auto* const next =
      Next<void(Mutex*, const Condition&)>("5Mutex8LockWhenERKNS0_9ConditionE");
  const Locking locking(this, kExclusive);
  next(this, condition);
}
void Mutex::Await(const Condition& condition) {
  static auto* const next = Next<void(Mutex*, const Condition&)>("5Mutex5AwaitERKNS0_9ConditionE");
  const Waiting waiting(this);
  next(this, condition);
}
bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  static auto* const next = Next<bool(Mutex*, const Condition&, Duration)>(
      "5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  const Waiting waiting(this);
  return next(this, condition, timeout);
}
bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  static auto* const next = Next<bool(Mutex*, const Condition&, Time)>(
      "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  const Waiting waiting(this);
  return next(this, condition, deadline);
}
void CondVar::Wait(Mutex* mutex) {
  static auto* const next = Next<void(CondVar*, Mutex*)>("7CondVar4WaitEPNS0_5MutexE");
  const Waiting waiting(mutex);
  next(this, mutex);
}
bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static auto* const next = Next<bool(CondVar*, Mutex*, Duration)>(
      "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  const Waiting waiting(mutex);
  return next(this, mutex, timeout);
}

ABSL_NAMESPACE_END
}  // namespace absl
#endif
