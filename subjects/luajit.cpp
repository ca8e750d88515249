// SPDX-License-Identifier: Apache-2.0
// LuaJIT, through its C API: a function in a state of its own, hot enough to have been compiled. A state belongs to one
// thread at a time, and so does what the suite runs.
extern "C" {
#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
}
#include <stdio.h>

#include "subject.h"

namespace {

constexpr int hot = 60;  // calls until a function of a loop of 56 turns has surely been compiled

int call(void* run) {
    auto* const state = static_cast<lua_State*>(run);
    lua_getglobal(state, "f");
    if (lua_pcall(state, 0, 1, 0) != 0) return -1;
    const auto value = static_cast<int>(lua_tointeger(state, -1));
    lua_settop(state, 0);
    return value;
}
// Whether there is a trace, which is what machine code is called here.
bool compiled(lua_State* state) {
    if (luaL_dostring(state, "return require('jit.util').traceinfo(1) ~= nil") != 0) return false;
    const bool found = lua_toboolean(state, -1) != 0;
    lua_settop(state, 0);
    return found;
}
void drop(cmodx_code* c) { lua_close(static_cast<lua_State*>(c->own)); }
int emit(cmodx_code* c, uint8_t token) {
    lua_State* const state = luaL_newstate();
    if (state == nullptr) return 1;
    c->run = c->own = state;
    luaL_openlibs(state);
    char text[128];
    snprintf(text, sizeof text,
             "function f() local n = 0 for i = 1, 200 do n = (n + %u) %% 65536 end return %u + n - n end", token,
             token);
    bool right = luaL_dostring(state, text) == 0;
    for (int i = 0; i < hot && right; ++i) right = call(state) == token;
    if (right && compiled(state)) return 0;
    drop(c);
    return 1;
}

const cmodx_subject traces = [] {
    cmodx_subject s = {};
    s.version = CMODX_SUBJECT_VERSION;
    s.name = "luajit";
    s.claim = CMODX_TO_CALLER;
    s.emit = emit;
    s.drop = drop;
    s.call = call;
    return s;
}();

}  // namespace

const cmodx_subject* const* cmodx_subjects() {
    static const cmodx_subject* const all[] = {&traces, nullptr};
    return all;
}
