// SPDX-License-Identifier: Apache-2.0
// The verifier of sealed images: what Capstone reads in them must be what the policy allows, all of it.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <span>
#include <string_view>

#include "facts.hpp"
#include "image.hpp"
#include "memory.hpp"

#ifdef CODEHEAP_WITH_CAPSTONE
#include <capstone/capstone.h>
#endif

using namespace cmodx::code;  // NOLINT(google-build-using-namespace): the C functions are outside

namespace {

#ifdef CODEHEAP_WITH_CAPSTONE

// Names depend on conditions and prefixes (svcne), numbers do not.
// Enter the kernel, or change what only the kernel may.
constexpr unsigned x86_calls[] = {X86_INS_SYSCALL, X86_INS_SYSENTER, X86_INS_INT};
constexpr unsigned arm64_calls[] = {ARM64_INS_SVC, ARM64_INS_HVC, ARM64_INS_SMC};
constexpr unsigned arm_calls[] = {ARM_INS_SVC, ARM_INS_HVC, ARM_INS_SMC};
constexpr unsigned x86_refused[] = {X86_INS_HLT,   X86_INS_IN,    X86_INS_OUT,   X86_INS_INSB,  X86_INS_INSW,
                                    X86_INS_INSD,  X86_INS_OUTSB, X86_INS_OUTSW, X86_INS_OUTSD, X86_INS_WRMSR,
                                    X86_INS_RDMSR, X86_INS_LGDT,  X86_INS_LIDT,  X86_INS_IRET,  X86_INS_IRETD,
                                    X86_INS_IRETQ, X86_INS_INT1};
constexpr unsigned arm64_refused[] = {ARM64_INS_ERET};
constexpr unsigned arm_refused[] = {ARM_INS_RFEDA, ARM_INS_RFEDB, ARM_INS_RFEIA, ARM_INS_RFEIB};

// After these, if they are not conditional, comes not what follows them. Not INT3: its handler returns behind it.
constexpr unsigned x86_ends[] = {X86_INS_JMP, X86_INS_LJMP, X86_INS_RET, X86_INS_RETF, X86_INS_RETFQ, X86_INS_UD2};
constexpr unsigned arm64_ends[] = {ARM64_INS_B, ARM64_INS_BR, ARM64_INS_RET, ARM64_INS_BRK};
constexpr unsigned arm_ends[] = {ARM_INS_B, ARM_INS_BX, ARM_INS_UDF, ARM_INS_BKPT};
constexpr unsigned arm_loads[] = {ARM_INS_MOV, ARM_INS_LDR, ARM_INS_LDM, ARM_INS_POP};  // of the program counter

struct language {
    std::string_view name;
    cs_arch arch;
    cs_mode mode;
    std::span<const unsigned> system_calls, refused, ends;
};
constexpr language languages[] = {
    {"x86_64", CS_ARCH_X86, CS_MODE_64, x86_calls, x86_refused, x86_ends},
    {"aarch64", CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, arm64_calls, arm64_refused, arm64_ends},
    {"arm32", CS_ARCH_ARM, CS_MODE_ARM, arm_calls, arm_refused, arm_ends},
};

bool among(std::span<const unsigned> list, unsigned number) {
    for (const unsigned each : list)
        if (each == number) return true;
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
        if (!ended_) return refuse(last_, "the last instruction goes on to what follows the code");
        const std::size_t mapped = static_cast<std::size_t>(entries_at(image_.head()) - image_.head().code);
        for (std::size_t i = length_; i < mapped; ++i)
            if (code_[i] != filler_at(i)) return refuse(i, "what follows the code is no trap");
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
        ended_ = ends(i);
        last_ = offset;
        if (among(language_->system_calls, i.id) && !policy_.allow_system_calls)
            return refuse(offset, "a system call: %s", i.mnemonic);
        if (language_->arch == CS_ARCH_ARM && i.id == ARM_INS_BLX && i.detail->arm.operands[0].type == ARM_OP_IMM)
            return refuse(offset, "a branch to another instruction set");
        // Intel's processors ignore the prefix, AMD's take 16 bits of displacement and of target.
        if (language_->arch == CS_ARCH_X86 && cs_insn_group(handle_, &i, CS_GRP_BRANCH_RELATIVE) &&
            i.detail->x86.prefix[2] == 0x66)
            return refuse(offset, "a branch whose length depends on the processor");
        if (policy_.instructions != nullptr) {
            for (const char* const* allowed = policy_.instructions; *allowed != nullptr; ++allowed)
                if (name == *allowed) return CODEHEAP_OK;
            return refuse(offset, "not on the list of instructions: %s", i.mnemonic);
        }
        if (among(language_->refused, i.id) || cs_insn_group(handle_, &i, CS_GRP_PRIVILEGE))
            return refuse(offset, "an instruction that programs have no use for: %s", i.mnemonic);
        return CODEHEAP_OK;
    }

    bool ends(const cs_insn& i) const {
        if (language_->arch == CS_ARCH_ARM64 && i.id == ARM64_INS_B)
            return i.detail->arm64.cc == ARM64_CC_INVALID || i.detail->arm64.cc == ARM64_CC_AL;
        if (language_->arch == CS_ARCH_ARM) {
            if (i.detail->arm.cc != ARM_CC_AL) return false;
            if (among(arm_loads, i.id)) return writes(i, ARM_REG_PC);
        }
        return among(language_->ends, i.id);
    }

    bool writes(const cs_insn& i, unsigned which) const {
        cs_regs read, written;
        std::uint8_t reads = 0, count = 0;
        if (cs_regs_access(handle_, &i, read, &reads, written, &count) != CS_ERR_OK) return false;
        for (std::uint8_t k = 0; k < count; ++k)
            if (written[k] == which) return true;
        return false;
    }

    codeheap_error follow(const cs_insn& i) {
        // LOOP is in the last of these alone.
        if (!cs_insn_group(handle_, &i, CS_GRP_JUMP) && !cs_insn_group(handle_, &i, CS_GRP_CALL) &&
            !cs_insn_group(handle_, &i, CS_GRP_BRANCH_RELATIVE))
            return CODEHEAP_OK;
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
    std::size_t last_ = 0;            // offset of the last instruction
    bool ended_ = false;              // and whether nothing can come behind it
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
