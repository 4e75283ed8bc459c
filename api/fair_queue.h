// What waits, in fair order: between clients by what they have had so far, and of one client in the
// order it came. Two steps: between addresses, then between those an address speaks for (the users of
// a proxy), so that a name made up in a header gains nothing over others at other addresses.
//
// Start-time fair queueing: each client has a time up to which it has been served, and the one that is
// furthest behind comes first. Who had nothing to do gains nothing by it, and debts end at kMostDebt.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace api {

struct Client {
  std::string address;  // Of its connection.
  std::string who;      // For whom that one asks, as it says; may be empty.
};

template <class T>
class FairQueue {  // Not thread-safe.
 public:
  static constexpr double kMostDebt = 30;

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  size_t SizeOf(const std::string& address) const {
    const auto it = addresses_.find(address);
    return it == addresses_.end() ? 0 : it->second.waiting;
  }

  void Push(const Client& client, T item) {
    if (size_ == 0) {  // Nobody has waited for anybody: old accounts are closed.
      addresses_.clear();
      now_ = 0;
    }
    Address& address = addresses_[client.address];
    address.flows[client.who].items.push_back({next_number_++, std::move(item)});
    ++address.waiting, ++size_;
  }

  // What Pop would give; not when empty.
  const T& Front() const { return Choose().flow->second.items.front().item; }

  // The next one; its client is charged `cost` for it.
  T Pop(double cost) {
    const Choice choice = Choose();
    Address& address = addresses_.find(choice.address->first)->second;
    Flow& flow = address.flows.find(choice.flow->first)->second;
    T item = std::move(flow.items.front().item);
    flow.items.pop_front();
    --address.waiting, --size_;
    now_ = std::max(now_, address.served);
    address.now = std::max(address.now, flow.served);
    Serve(now_, cost, &address.served);
    Serve(address.now, cost, &flow.served);
    return item;
  }

  // Corrects what Pop charged.
  void Charge(const Client& client, double more) {
    const auto address = addresses_.find(client.address);
    if (address == addresses_.end()) return;
    Serve(now_, more, &address->second.served);
    const auto flow = address->second.flows.find(client.who);
    if (flow != address->second.flows.end()) Serve(address->second.now, more, &flow->second.served);
  }

  // Moves those for which `wanted` is true out of the queue.
  template <class Wanted>
  void Remove(Wanted wanted, std::vector<T>* out) {
    for (auto& [name, address] : addresses_) {
      for (auto& [who, flow] : address.flows) {
        const auto kept = std::stable_partition(flow.items.begin(), flow.items.end(),
                                                [&](const Entry& e) { return !wanted(e.item); });
        const auto removed = static_cast<size_t>(flow.items.end() - kept);
        for (auto it = kept; it != flow.items.end(); ++it) out->push_back(std::move(it->item));
        flow.items.erase(kept, flow.items.end());
        address.waiting -= removed, size_ -= removed;
      }
    }
  }

 private:
  struct Entry {
    uint64_t number;
    T item;
  };
  struct Flow {
    double served = 0;
    std::deque<Entry> items;
  };
  struct Address {
    double served = 0, now = 0;
    size_t waiting = 0;
    std::map<std::string, Flow> flows;
  };
  struct Choice {
    typename std::map<std::string, Address>::const_iterator address;
    typename std::map<std::string, Flow>::const_iterator flow;
  };

  static void Serve(double now, double cost, double* served) {
    *served = std::min(std::max(*served, now) + cost, now + kMostDebt);
  }

  // The furthest behind; of equals the one whose next item came first.
  Choice Choose() const {
    Choice best;
    double best_time = 0;
    uint64_t best_number = 0;
    bool found = false;
    for (auto address = addresses_.begin(); address != addresses_.end(); ++address) {
      if (address->second.waiting == 0) continue;
      const auto flow = ChooseFlow(address->second);
      const double time = std::max(address->second.served, now_);
      const uint64_t number = flow->second.items.front().number;
      if (found && (time > best_time || (time == best_time && number > best_number))) continue;
      best = {address, flow};
      best_time = time, best_number = number, found = true;
    }
    return best;
  }
  auto ChooseFlow(const Address& address) const {
    auto best = address.flows.end();
    for (auto flow = address.flows.begin(); flow != address.flows.end(); ++flow) {
      if (flow->second.items.empty()) continue;
      if (best == address.flows.end()) {
        best = flow;
        continue;
      }
      const double mine = std::max(flow->second.served, address.now);
      const double other = std::max(best->second.served, address.now);
      if (mine < other || (mine == other && flow->second.items.front().number <
                                                best->second.items.front().number)) {
        best = flow;
      }
    }
    return best;
  }

  std::map<std::string, Address> addresses_;
  double now_ = 0;
  size_t size_ = 0;
  uint64_t next_number_ = 0;
};

}  // namespace api
