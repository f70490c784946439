// Co<T>: a parser that waits for bytes. A reply comes a few bytes at a time; a coroutine can ask
// for the next byte in the middle of anything and be left there until it has come. So a format is
// written like a parser of a whole text, and what it finds cannot depend on how the text was cut.
// Used by the files of this folder only.
//
// g++ 12 compiles `if (co_await f())` and `while (co_await f())` wrongly in C++23 (the awaited
// object is read before it is made), and so `a ? co_await f() : co_await g()`. Write `if (const
// bool yes = co_await f(); yes)`; tools/check_layers refuses the others.
//
// A Co runs when it is awaited, on the Stack of the one that awaits it. The Stack is what resumes:
// coroutines never resume each other, so a loop of awaits does not grow the machine's stack.
#pragma once

#include <coroutine>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hearth::text::reply {

class Stack {
 public:
  // Runs until all is done or something waits for input.
  void run() {
    waiting_ = false;
    while (!handles_.empty() && !waiting_) handles_.back().resume();
  }
  void push(std::coroutine_handle<> handle) { handles_.push_back(handle); }
  void pop() { handles_.pop_back(); }
  void wait() { waiting_ = true; }
  [[nodiscard]] bool done() const { return handles_.empty(); }

 private:
  std::vector<std::coroutine_handle<>> handles_;
  bool waiting_ = false;
};

struct PromiseBase {
  Stack* stack = nullptr;

  struct Final {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> self) noexcept {
      self.promise().stack->pop();
    }
    void await_resume() noexcept {}
  };
  std::suspend_always initial_suspend() noexcept { return {}; }
  Final final_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() { throw; }  // out of memory: to who pushed bytes
};

template <class T>
class [[nodiscard]] Co {
 public:
  struct promise_type : PromiseBase {
    Co get_return_object() { return Co(std::coroutine_handle<promise_type>::from_promise(*this)); }
    void return_value(T v) { value = std::move(v); }
    std::optional<T> value;
  };

  explicit Co(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Co(Co&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Co& operator=(Co&&) = delete;
  ~Co() {
    if (handle_) handle_.destroy();
  }

  // Begins it on a stack of its own, as the outermost.
  void start(Stack& stack) {
    handle_.promise().stack = &stack;
    stack.push(handle_);
  }

  bool await_ready() noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> parent) {
    start(*parent.promise().stack);
  }
  T await_resume() { return std::move(*handle_.promise().value); }

  // REQUIRES: it has ended.
  [[nodiscard]] const T& result() const { return *handle_.promise().value; }

 private:
  std::coroutine_handle<promise_type> handle_;
};

// Leaves the coroutine until there is more input.
struct Wait {
  bool await_ready() noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> self) noexcept {
    self.promise().stack->wait();
  }
  void await_resume() noexcept {}
};

}  // namespace hearth::text::reply

// HEARTH_NEED(f()): awaits a Co<bool>; the coroutine around it (another one) ends with false if it
// gives false. HEARTH_NEED_FOUND: the same for a Co<int> that gives -1.
#define HEARTH_NEED(expr) HEARTH_NEED_INNER(HEARTH_CONCAT(hearth_need_, __LINE__), expr, !)
#define HEARTH_NEED_FOUND(expr) HEARTH_NEED_INNER(HEARTH_CONCAT(hearth_need_, __LINE__), expr, 0 >)
#define HEARTH_NEED_INNER(name, expr, fails) \
  do {                                       \
    const auto name = co_await (expr);       \
    if (fails name) co_return false;         \
  } while (false)
