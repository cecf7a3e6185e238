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

// How a buffer is going to be filled.
enum class Filling { as_needed, at_once };

// Large buffers come from the operating system as untouched zero pages, so memory that is never used costs nothing. Those in large pages
// are touched 2 MiB at a time.
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
    ~Buffer() { release(); }

    // Drops what it held. False when there is not enough memory; the buffer is then empty.
    // Touching small pages one by one costs more than writing them, so large ones are asked for from 8 MiB on, and from 2 MiB on where
    // all of the buffer is written at once.
    [[nodiscard]] bool allocate(std::size_t size_bytes, Filling filling = Filling::as_needed) noexcept {
        release();
        if (size_bytes >= (filling == Filling::at_once ? large_page : 4 * large_page) && map_large_pages(size_bytes)) {
            size_bytes_ = size_bytes;
            return true;
        }
        block_ = std::calloc(size_bytes + alignment, 1);
        if (block_ == nullptr) {
            return false;
        }
        const auto address = reinterpret_cast<std::uintptr_t>(block_);
        data_ = static_cast<std::byte*>(block_) + (alignment - address % alignment);
        size_bytes_ = size_bytes;
        return true;
    }

    void swap(Buffer& other) noexcept {
        std::swap(block_, other.block_);
        std::swap(mapped_bytes_, other.mapped_bytes_);
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
    static constexpr std::size_t large_page = 2u << 20;

    // False where it is not possible; nothing is held then.
    bool map_large_pages([[maybe_unused]] std::size_t size_bytes) noexcept {
#if defined(__linux__)
        constexpr std::size_t small_page = 4096;
        if (size_bytes > SIZE_MAX - 2 * large_page) {
            return false;
        }
        // The system places a mapping anywhere; one that is a large page longer holds one that begins where a large page does.
        const std::size_t wanted = (size_bytes + small_page - 1) / small_page * small_page;
        const std::size_t whole = wanted + large_page;
        void* found = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (found == MAP_FAILED) {
            return false;
        }
        auto* begin = static_cast<std::byte*>(found);
        const std::size_t before = (large_page - reinterpret_cast<std::uintptr_t>(begin) % large_page) % large_page;
        if (before != 0) {
            (void)munmap(begin, before);
        }
        (void)munmap(begin + before + wanted, whole - before - wanted);
        block_ = data_ = begin + before;
        mapped_bytes_ = wanted;
        (void)madvise(block_, wanted, MADV_HUGEPAGE);  // a request only: refusal costs nothing but time
        return true;
#else
        return false;
#endif
    }

    void release() noexcept {
#if defined(__linux__)
        if (mapped_bytes_ != 0) {
            (void)munmap(block_, mapped_bytes_);
            block_ = nullptr;
        }
#endif
        std::free(block_);
        block_ = nullptr;
        mapped_bytes_ = 0;
        data_ = nullptr;
        size_bytes_ = 0;
    }

    void* block_ = nullptr;         // from calloc, or mapped where mapped_bytes_ is not 0
    std::size_t mapped_bytes_ = 0;
    std::byte* data_ = nullptr;
    std::size_t size_bytes_ = 0;
};

}  // namespace hc
