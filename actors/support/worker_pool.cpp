#include "actors/support/worker_pool.hpp"

#include <pthread.h>

namespace understudy {

worker_pool::worker_pool(std::string name, unsigned threads) {
  name.resize(std::min<std::size_t>(name.size(), 15));
  for (unsigned i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { run(); });
    pthread_setname_np(threads_.back().native_handle(), name.c_str());
  }
}

worker_pool::~worker_pool() {
  stop();
}

void worker_pool::submit(job work) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_)
      return;
    jobs_.push_back(std::move(work));
  }
  wake_.notify_one();
}

void worker_pool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    jobs_.clear();
  }
  wake_.notify_all();
  for (auto& thread : threads_)
    if (thread.joinable())
      thread.join();
}

std::size_t worker_pool::waiting() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

void worker_pool::run() {
  while (true) {
    job next;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_)
        return;
      next = std::move(jobs_.front());
      jobs_.pop_front();
    }
    next();
  }
}

} // namespace understudy
