// Owned, zeroed, 64-byte aligned memory that reports exhaustion instead of throwing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace hc {

// Large buffers come from the operating system as untouched zero pages, so memory that is never used costs nothing.
class Buffer {
  public:
    static constexpr std::size_t alignment = 64;

    Buffer() noexcept = default;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    Buffer(Buffer&& other) noexcept { swap(other); }
    Buffer& operator=(Buffer&& other) noexcept {
        Buffer moved(std::move(other));
        swap(moved);
        return *this;
    }
    ~Buffer() { std::free(block_); }

    // Drops what it held. False when there is not enough memory; the buffer is then empty.
    [[nodiscard]] bool allocate(std::size_t size_bytes) noexcept {
        std::free(block_);
        data_ = nullptr;
        size_bytes_ = 0;
        block_ = std::calloc(size_bytes + alignment, 1);
        if (block_ == nullptr) {
            return false;
        }
        const auto address = reinterpret_cast<std::uintptr_t>(block_);
        ask_for_large_pages(block_, size_bytes);
        data_ = static_cast<std::byte*>(block_) + (alignment - address % alignment);
        size_bytes_ = size_bytes;
        return true;
    }

    void swap(Buffer& other) noexcept {
        std::swap(block_, other.block_);
        std::swap(data_, other.data_);
        std::swap(size_bytes_, other.size_bytes_);
    }

    std::byte* bytes() const noexcept { return data_; }
    template <typename T>
    T* as() const noexcept {
        return reinterpret_cast<T*>(data_);
    }
    std::size_t size_bytes() const noexcept { return size_bytes_; }

  private:
    // A large buffer in small pages spends much of its reading on finding them. A request only: refusal costs nothing but time.
    static void ask_for_large_pages([[maybe_unused]] void* block, [[maybe_unused]] std::size_t size_bytes) noexcept {
#if defined(__linux__)
        constexpr std::uintptr_t large_page = 2u << 20;
        const std::uintptr_t begin = (reinterpret_cast<std::uintptr_t>(block) + large_page - 1) / large_page * large_page;
        const std::uintptr_t end = (reinterpret_cast<std::uintptr_t>(block) + size_bytes) / large_page * large_page;
        if (size_bytes >= 4 * large_page && begin < end) {
            (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
        }
#endif
    }

    void* block_ = nullptr;
    std::byte* data_ = nullptr;
    std::size_t size_bytes_ = 0;
};

}  // namespace hc
