#include "actors/support/worker_pool.hpp"

#include "events/model/named_thread.hpp"

namespace understudy {

worker_pool::worker_pool(std::string name, unsigned threads) {
  for (unsigned i = 0; i < threads; ++i)
    threads_.push_back(named_thread(name, [this] { run(); }));
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
