// Runs kernels on the processor: see emulator.h.
#include "emulator.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <vector>
#include <sys/mman.h>
#include <unistd.h>
#ifndef __x86_64__
#include <ucontext.h>
#endif

namespace emulator {
namespace {

constexpr size_t STACK = 64 << 10, PAGE = 4096, ALIGNMENT = 32;
constexpr unsigned WARP = 32;

#ifdef __x86_64__
// Leaves one stack for another. The system's own way of doing so asks the kernel twice each time.
extern "C" void emulator_switch(void** from, void* to);
asm(R"(
.text
.globl emulator_switch
.hidden emulator_switch
emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
struct Context {
    void* stack = nullptr;
    void start(char* memory, void (*f)()) {
        void** top = reinterpret_cast<void**>(memory + STACK);
        *--top = nullptr;  // so that the stack is aligned as after a call
        *--top = reinterpret_cast<void*>(f);
        for (int i = 0; i < 6; i++) *--top = nullptr;
        stack = top;
    }
    void go_to(Context& other) { emulator_switch(&stack, other.stack); }
};
#else
struct Context {
    ucontext_t context;
    void start(char* memory, void (*f)()) {
        getcontext(&context);
        context.uc_stack.ss_sp = memory;
        context.uc_stack.ss_size = STACK;
        context.uc_link = nullptr;
        makecontext(&context, f, 0);
    }
    void go_to(Context& other) { swapcontext(&context, &other.context); }
};
#endif

struct Fiber {
    Context context;
    std::vector<char> stack = std::vector<char>(STACK);
    Wait wait = Wait::None;
    bool done = true;
    unsigned mask = 0, source = 0;
    uint64_t bits = 0, result = 0;
};

std::vector<Fiber> fibers;
Context scheduler;
unsigned current;
const Kernel* kernel;
const void* argument;
std::string name, error;

std::string place(unsigned thread) {
    return name + ", block (" + std::to_string(blockIdx.x) + ", " + std::to_string(blockIdx.y) + "), thread " +
           std::to_string(thread) + ": ";
}

void fail(unsigned thread, const std::string& what) {
    if (error.empty()) error = place(thread) + what;
}

void run_fiber() {
    kernel->call(argument);
    fibers[current].done = true;
    fibers[current].context.go_to(scheduler);
}

void resume(unsigned thread) {
    current = thread;
    threadIdx.x = thread;
    scheduler.go_to(fibers[thread].context);
}

// Lets those go on that have all met; whether there are any.
bool release() {
    bool any = false;
    const unsigned threads = blockDim.x;
    for (unsigned t = 0; t < threads; t++) {
        const Fiber& first = fibers[t];
        if (first.done || first.wait == Wait::None || first.wait == Wait::Barrier) continue;
        const unsigned warp = t / WARP * WARP;
        bool all = true;
        uint64_t votes = 0;
        for (unsigned k = 0; k < WARP; k++) {
            if (!(first.mask >> k & 1)) continue;
            if (warp + k >= threads) { fail(t, "a lane of the mask does not exist"); return false; }
            const Fiber& other = fibers[warp + k];
            all = all && !other.done && other.wait == first.wait && other.mask == first.mask;
            votes |= uint64_t(other.bits != 0) << k;
        }
        if (!all) continue;
        const Wait kind = first.wait;
        const unsigned mask = first.mask;
        for (unsigned k = 0; k < WARP; k++) {
            if (!(mask >> k & 1)) continue;
            Fiber& f = fibers[warp + k];
            if (f.source >= WARP || !(mask >> f.source & 1)) fail(warp + k, "reads a lane that is not in the mask");
            else f.result = kind == Wait::Vote ? votes : fibers[warp + f.source].bits;
        }
        for (unsigned k = 0; k < WARP; k++) {
            if (mask >> k & 1) fibers[warp + k].wait = Wait::None;
        }
        any = true;
    }
    bool barrier = true, live = false;
    for (const Fiber& f : fibers) {
        live = live || !f.done;
        barrier = barrier && !f.done && f.wait == Wait::Barrier;
    }
    if (live && barrier) {
        for (Fiber& f : fibers) f.wait = Wait::None;
        any = true;
    }
    return any;
}

void run_block(unsigned rotation) {
    const unsigned threads = blockDim.x;
    for (Fiber& f : fibers) {
        f.done = false;
        f.wait = Wait::None;
        f.context.start(f.stack.data(), run_fiber);
    }
    while (error.empty()) {
        bool live = false, waits = false;
        for (unsigned k = 0; k < threads; k++) {
            const unsigned t = (k + rotation) % threads;
            if (!fibers[t].done && fibers[t].wait == Wait::None) resume(t);
            live = live || !fibers[t].done;
            waits = waits || fibers[t].wait != Wait::None;
        }
        if (!live) return;
        if (waits && !release()) {
            for (unsigned t = 0; t < threads; t++) {
                if (!fibers[t].done) fail(t, "waits for lanes that never come (a divergent shuffle, vote or barrier)");
            }
        }
    }
}

void out_of_bounds(int) {
    const std::string message = "emulator: " + place(current) + "an access out of bounds\n";
    if (write(2, message.data(), message.size())) {}
    _exit(1);
}

// Memory between two pages that must not be touched, its end at the second but for what alignment asks.
struct Guarded {
    unsigned char* pages;
    size_t size, bytes;
    unsigned char* data;

    explicit Guarded(size_t bytes) : bytes(bytes) {
        const size_t aligned = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        const size_t inner = (aligned + PAGE - 1) / PAGE * PAGE;
        size = inner + 2 * PAGE;
        void* p = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) abort();
        pages = static_cast<unsigned char*>(p);
        if (inner && mprotect(pages + PAGE, inner, PROT_READ | PROT_WRITE)) abort();
        data = pages + PAGE + inner - aligned;
        std::memset(pages + PAGE, 0xA5, inner);
    }
    bool intact() const {
        for (unsigned char* p = pages + PAGE; p < pages + size - PAGE; p++) {
            if ((p < data || p >= data + bytes) && *p != 0xA5) return false;
        }
        return true;
    }
};

}  // namespace

unsigned lane() { return threadIdx.x % WARP; }

uint64_t meet(Wait kind, unsigned mask, uint64_t bits, unsigned source) {
    Fiber& f = fibers[current];
    if (kind != Wait::Barrier && !(mask >> lane() & 1)) fail(current, "is not in its own mask");
    f.wait = kind, f.mask = mask, f.bits = bits, f.source = source;
    const unsigned me = current;
    f.context.go_to(scheduler);
    threadIdx.x = me;
    return fibers[me].result;
}

// A part of memory that a kernel is given, and where in the argument its address belongs.
struct Memory {
    unsigned char* data;
    size_t bytes, offset;
    int writable;
};

}  // namespace emulator

// Runs a kernel; null, or what went wrong. `seed` decides in which order blocks and threads have their turns.
extern "C" const char* emulator_launch(
    const char* kernel_name, unsigned grid_x, unsigned grid_y, unsigned threads, unsigned char* blob, size_t size,
    const emulator::Memory* memory, size_t parts, uint64_t seed
) {
    using namespace emulator;
    error.clear();
    name = kernel_name;
    const auto found = kernels().find(name);
    if (found == kernels().end()) return (error = name + ": no such kernel").c_str();
    kernel = &found->second;
    if (kernel->size != size) {
        error = name + ": takes " + std::to_string(kernel->size) + " bytes of arguments, not " + std::to_string(size);
        return error.c_str();
    }
    std::vector<Guarded> guarded;
    for (size_t k = 0; k < parts; k++) {
        guarded.emplace_back(memory[k].bytes);
        std::memcpy(guarded[k].data, memory[k].data, memory[k].bytes);
        std::memcpy(blob + memory[k].offset, &guarded[k].data, sizeof(void*));
    }
    argument = blob;
    fibers.resize(threads);
    blockDim.x = threads, gridDim.x = grid_x, gridDim.y = grid_y;
    struct sigaction action = {}, before[2];
    action.sa_handler = out_of_bounds;
    sigaction(SIGSEGV, &action, &before[0]);
    sigaction(SIGBUS, &action, &before[1]);
    const uint64_t blocks = uint64_t(grid_x) * grid_y;
    const bool backwards = seed & 1;
    for (uint64_t k = 0; k < blocks && error.empty(); k++) {
        const uint64_t block = ((backwards ? blocks - 1 - k : k) + seed / 2) % blocks;
        blockIdx.x = unsigned(block % grid_x), blockIdx.y = unsigned(block / grid_x);
        run_block(unsigned(seed / 2 % threads));
    }
    sigaction(SIGSEGV, &before[0], nullptr);
    sigaction(SIGBUS, &before[1], nullptr);
    for (size_t k = 0; k < parts; k++) {
        if (error.empty() && !guarded[k].intact()) error = name + ": writes beyond the end of argument " + std::to_string(k);
        if (error.empty() && memory[k].writable) std::memcpy(memory[k].data, guarded[k].data, memory[k].bytes);
        munmap(guarded[k].pages, guarded[k].size);
    }
    return error.empty() ? nullptr : error.c_str();
}
