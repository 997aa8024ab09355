// Threads that `top -H` shows by what they do: without a name of its own a thread has that of its maker.
#pragma once
#include <pthread.h>

#include <string>
#include <thread>
#include <utility>

namespace understudy {

/// `name` in at most 15 bytes: Linux takes no longer one.
template <class Work>
std::thread named_thread(std::string name, Work work) {
  return std::thread([name = std::move(name), work = std::move(work)]() mutable {
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
    work();
  });
}

} // namespace understudy
