// Threads for work that blocks (SQL, files, peers), so that no CAF worker ever does.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace understudy {

class worker_pool {
public:
  using job = std::function<void()>;
  /// `name` is the threads' name (at most 15 characters are shown by the system).
  worker_pool(std::string name, unsigned threads);
  ~worker_pool(); ///< stop()
  /// Any thread. Jobs begin in the order given. Dropped after stop().
  void submit(job work);
  /// Begun jobs end, others are dropped. Blocking; not from a job.
  void stop();
  std::size_t waiting() const;

private:
  void run();
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<job> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

} // namespace understudy
