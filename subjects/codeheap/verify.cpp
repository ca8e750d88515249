// SPDX-License-Identifier: Apache-2.0
// The verifier of sealed images: what Capstone reads in them must be what the policy allows, all of it.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "facts.hpp"
#include "image.hpp"
#include "memory.hpp"

#ifdef CODEHEAP_WITH_CAPSTONE
#include <capstone/capstone.h>
#endif

using namespace cmodx::code;  // NOLINT(google-build-using-namespace): the C functions are outside

namespace {

#ifdef CODEHEAP_WITH_CAPSTONE

struct language {
    std::string_view name;
    cs_arch arch;
    cs_mode mode;
    std::size_t granule;
};
constexpr language languages[] = {
    {"x86_64", CS_ARCH_X86, CS_MODE_64, 1},
    {"aarch64", CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, 4},
    {"arm32", CS_ARCH_ARM, CS_MODE_ARM, 4},
};

// Enter the kernel or a debugger, or change what only the kernel may.
constexpr std::string_view system_calls[] = {"syscall", "sysenter", "int", "svc", "hvc", "smc"};
constexpr std::string_view always_refused[] = {"hlt",  "in",   "out",   "wrmsr", "rdmsr",
                                               "lgdt", "lidt", "iretd", "iretq", "int1"};

template <std::size_t N>
bool among(const std::string_view (&list)[N], std::string_view name) {
    for (const std::string_view each : list)
        if (each == name) return true;
    return false;
}

class verifier {
  public:
    verifier(const opened_image& image, const codeheap_policy& policy, codeheap_report& report)
        : code_(image.code()),
          length_(static_cast<std::size_t>(image.head().length)),
          image_(image),
          policy_(policy),
          report_(report) {}
    ~verifier() {
        if (handle_ != 0) cs_close(&handle_);
        free(begins_);
    }
    verifier(const verifier&) = delete;

    codeheap_error run() {
        const std::string_view wanted =
            policy_.architecture != nullptr ? policy_.architecture : cmodx::target::isa::name;
        for (const language& l : languages)
            if (l.name == wanted) language_ = &l;
        if (language_ == nullptr || cs_open(language_->arch, language_->mode, &handle_) != CS_ERR_OK) {
            handle_ = 0;
            (void)refuse(0, "this Capstone does not read %.*s", static_cast<int>(wanted.size()), wanted.data());
            return CODEHEAP_NO_VERIFIER;
        }
        cs_option(handle_, CS_OPT_DETAIL, CS_OPT_ON);
        begins_ = static_cast<std::uint8_t*>(calloc(length_ / 8 + 1, 1));
        if (begins_ == nullptr) return CODEHEAP_NO_MEMORY;
        // Every instruction's begin is known before a branch is judged.
        for (const auto pass : {&verifier::look, &verifier::follow})
            if (const codeheap_error e = walk(pass); e != CODEHEAP_OK) return e;
        for (std::uint32_t i = 0; i < image_.head().entries; ++i)
            if (!is_begin(image_.entries()[i]))
                return refuse(image_.entries()[i], "an entry is not the begin of an instruction");
        return CODEHEAP_OK;
    }

  private:
    [[gnu::format(printf, 3, 4)]] codeheap_error refuse(std::size_t offset, const char* format, ...) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(report_.reason, sizeof report_.reason, format, arguments);
        va_end(arguments);
        report_.offset = offset;
        return CODEHEAP_REFUSED;
    }

    bool is_begin(std::uint64_t offset) const {
        return offset < length_ && (begins_[offset / 8] >> (offset % 8) & 1) != 0;
    }

    codeheap_error walk(codeheap_error (verifier::*visit)(const cs_insn&)) {
        cs_insn* one = cs_malloc(handle_);
        if (one == nullptr) return CODEHEAP_NO_MEMORY;
        const std::uint8_t* at = code_;
        std::size_t left = length_;
        std::uint64_t address = 0;
        codeheap_error e = CODEHEAP_OK;
        while (left != 0 && e == CODEHEAP_OK) {
            const auto offset = static_cast<std::size_t>(address);
            e = cs_disasm_iter(handle_, &at, &left, &address, one) ? (this->*visit)(*one)
                                                                   : refuse(offset, "the bytes are no instruction");
        }
        cs_free(one, 1);
        return e;
    }

    codeheap_error look(const cs_insn& i) {
        begins_[i.address / 8] = static_cast<std::uint8_t>(begins_[i.address / 8] | 1 << (i.address % 8));
        ++report_.decoded;
        const std::string_view name = i.mnemonic;
        const auto offset = static_cast<std::size_t>(i.address);
        if (among(system_calls, name) && !policy_.allow_system_calls)
            return refuse(offset, "a system call: %s", i.mnemonic);
        if (policy_.instructions != nullptr) {
            for (const char* const* allowed = policy_.instructions; *allowed != nullptr; ++allowed)
                if (name == *allowed) return CODEHEAP_OK;
            return refuse(offset, "not on the list of instructions: %s", i.mnemonic);
        }
        if (among(always_refused, name) || cs_insn_group(handle_, &i, CS_GRP_PRIVILEGE))
            return refuse(offset, "an instruction that programs have no use for: %s", i.mnemonic);
        return CODEHEAP_OK;
    }

    codeheap_error follow(const cs_insn& i) {
        if (!cs_insn_group(handle_, &i, CS_GRP_JUMP) && !cs_insn_group(handle_, &i, CS_GRP_CALL)) return CODEHEAP_OK;
        std::int64_t target = 0;
        if (!target_of(i, target)) return CODEHEAP_OK;  // indirect: by what the program computes
        if (target >= 0 && is_begin(static_cast<std::uint64_t>(target))) return CODEHEAP_OK;
        for (std::size_t k = 0; k < policy_.target_count; ++k)
            if (policy_.targets[k] == static_cast<std::uint64_t>(target)) return CODEHEAP_OK;
        return refuse(static_cast<std::size_t>(i.address),
                      target >= 0 && static_cast<std::uint64_t>(target) < length_
                          ? "a branch into the middle of an instruction, at %+lld"
                          : "a branch to what is not listed, at %+lld",
                      static_cast<long long>(target));
    }

    // The last immediate operand of a branch is where it goes.
    bool target_of(const cs_insn& i, std::int64_t& target) const {
        bool found = false;
        const auto last = [&](const auto& detail, auto immediate) {
            for (std::uint8_t k = 0; k < detail.op_count; ++k)
                if (detail.operands[k].type == immediate) {
                    target = detail.operands[k].imm;
                    found = true;
                }
        };
        if (language_->arch == CS_ARCH_X86) last(i.detail->x86, X86_OP_IMM);
        if (language_->arch == CS_ARCH_ARM64) last(i.detail->arm64, ARM64_OP_IMM);
        if (language_->arch == CS_ARCH_ARM) last(i.detail->arm, ARM_OP_IMM);
        return found;
    }

    const std::uint8_t* code_;
    std::size_t length_;
    const opened_image& image_;
    const codeheap_policy& policy_;
    codeheap_report& report_;
    const language* language_ = nullptr;
    csh handle_ = 0;
    std::uint8_t* begins_ = nullptr;  // a bit a byte of code
};

codeheap_error read(const opened_image& image, const codeheap_policy& policy, codeheap_report& report) {
    return verifier(image, policy, report).run();
}

#else

codeheap_error read(const opened_image&, const codeheap_policy&, codeheap_report& report) {
    snprintf(report.reason, sizeof report.reason, "%s", codeheap_text(CODEHEAP_NO_VERIFIER));
    return CODEHEAP_NO_VERIFIER;
}

#endif

}  // namespace

codeheap_error codeheap_image_verify(int image, const codeheap_policy* given, codeheap_report* report) {
    codeheap_report unused;
    codeheap_report& r = report != nullptr ? *report : unused;
    r = {};
    const codeheap_policy policy = given != nullptr ? *given : codeheap_policy{};
    opened_image opened;
    codeheap_error e = open_image(image, opened);
    if (e != CODEHEAP_OK) {
        snprintf(r.reason, sizeof r.reason, "%s", codeheap_text(e));
        return e;
    }
    memcpy(r.digest, opened.head().digest, sizeof r.digest);
    if (policy.digest != nullptr && memcmp(policy.digest, r.digest, sizeof r.digest) != 0) {
        e = CODEHEAP_BAD_DIGEST;
        snprintf(r.reason, sizeof r.reason, "%s", codeheap_text(e));
    } else {
        e = read(opened, policy, r);
    }
    close_image(opened);
    return e;
}

codeheap_error codeheap_image_map(int image, const codeheap_policy* policy, codeheap_report* report, const void** code,
                                  size_t* length) {
    if (code == nullptr || length == nullptr) return CODEHEAP_BAD_ARGUMENT;
    if (const codeheap_error e = codeheap_image_verify(image, policy, report); e != CODEHEAP_OK) return e;
    // Nothing can have changed in between: that is what the seals are for.
    opened_image opened;
    if (const codeheap_error e = open_image(image, opened); e != CODEHEAP_OK) return e;
    const auto size = static_cast<std::size_t>(opened.head().length);
    const auto offset = static_cast<off_t>(opened.head().code);
    close_image(opened);
    void* p = mmap(nullptr, size, PROT_READ | PROT_EXEC, MAP_SHARED, image, offset);
    if (p == MAP_FAILED) return CODEHEAP_NO_EXEC;
    *code = p;
    *length = size;
    return CODEHEAP_OK;
}
