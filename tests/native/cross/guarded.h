// Memory that ends where the process may not read, with bytes before it that must stay as they are.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

// `size` elements, the last of them flush against a page without rights: reading or writing past it ends the program. New
// elements are poison: NaN, or the byte 0x5a. 64 bytes before the first are a guard that `intact` looks at.
template <typename T>
class Guarded {
  public:
    explicit Guarded(std::size_t size) : size_(size) {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        const std::size_t bytes = size * sizeof(T);
        room_bytes_ = (bytes + guard_bytes + page - 1) / page * page + page;
        void* room = mmap(nullptr, room_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (room == MAP_FAILED) {
            std::perror("mmap");
            std::abort();
        }
        room_ = static_cast<std::byte*>(room);
        std::byte* end = room_ + room_bytes_ - page;
        if (mprotect(end, page, PROT_NONE) != 0) {
            std::perror("mprotect");
            std::abort();
        }
        first_ = reinterpret_cast<T*>(end - bytes);
        std::memset(end - bytes - guard_bytes, guard_byte, guard_bytes);
        std::memset(static_cast<void*>(first_), guard_byte, bytes);
        if constexpr (std::is_same_v<T, float>) {
            for (std::size_t i = 0; i < size; ++i) {
                first_[i] = std::numeric_limits<float>::quiet_NaN();
            }
        }
    }
    explicit Guarded(const std::vector<T>& values) : Guarded(values.size()) {
        std::memcpy(static_cast<void*>(first_), values.data(), values.size() * sizeof(T));
    }
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;
    ~Guarded() { munmap(room_, room_bytes_); }

    T* data() { return first_; }
    const T* data() const { return first_; }
    T& operator[](std::size_t i) { return first_[i]; }
    const T& operator[](std::size_t i) const { return first_[i]; }
    std::size_t size() const { return size_; }

    bool intact() const {
        const auto* before = reinterpret_cast<const unsigned char*>(first_) - guard_bytes;
        for (std::size_t i = 0; i < guard_bytes; ++i) {
            if (before[i] != guard_byte) {
                return false;
            }
        }
        return true;
    }

  private:
    static constexpr std::size_t guard_bytes = 64;
    static constexpr unsigned char guard_byte = 0x5a;
    std::size_t size_;
    std::size_t room_bytes_ = 0;
    std::byte* room_ = nullptr;
    T* first_ = nullptr;
};
