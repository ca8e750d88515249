// SPDX-License-Identifier: Apache-2.0
#include "runner/sweep/machine.hpp"

namespace cmodx {

sweep_machine::sweep_machine(const measurement& m)
    : context_{*find_architecture(target_name()), m.here(), m.cpus(), {}},
      facts_(m.here().as_facts()),
      self_(cheapest("SM")),
      across_(cheapest("MP.RF")) {}

// By one quick look at its steps, all by one thread.
test_case sweep_machine::cheapest(std::string_view shape) const {
    rig code(isa(), context_.site("imm"), mapping::same);
    const auto frame = code.frame();
    test_case best;
    double least = 0;
    for (const test_case& t : catalogue(context_.on)) {
        if (t.form->name != shape || t.site->name != "imm" || t.path != mapping::same || t.at.boundary != 0 ||
            t.from != origin::sufficient || contains(t.writer, "membarrier") || !context_.sufficient(t))
            continue;
        const stub steps = code.assemble([&](code_buffer& to) {
            emit(to, t.writer);
            emit(to, t.executor);
        });
        std::vector<double> few(51);
        for (double& v : few)
            v = timed(context_.watch, [&] {
                for (int i = 0; i < 8; ++i) steps(frame->words.data());
            });
        const double cost = median_of(few);
        if (best.form != nullptr && cost >= least) continue;
        best = t;
        least = cost;
    }
    if (best.form == nullptr) throw refused("no protocol of this architecture suffices on this machine");
    return best;
}

}  // namespace cmodx
