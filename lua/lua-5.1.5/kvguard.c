/*
** The bounds of a run. Part of kvstore, not of Lua; under the same licence.
*/


#define kvguard_c
#define LUA_CORE

#include "lua.h"

#include "kvguard.h"
#include "ldebug.h"
#include "ldo.h"
#include "lgc.h"
#include "lstate.h"


/*
** Looks at the flag, the budget and at what the host says.
** Returns why the run is to be stopped, or 0. Once it is being stopped, each
** step comes here, so that whatever goes on is stopped as well.
*/
int kv_look (struct global_State *g) {
  kv_Guard *d = &g->guard;
  if (!d->stopping) {
    if (kv_asked(d))
      d->stopping = KV_STOPPED;
    else if (d->steps <= 0) {
      uint64_t over = (uint64_t)(-d->steps);
      if (d->budget <= over)
        d->stopping = KV_BUDGET;
      else {
        d->budget -= over;
        d->steps = (d->budget < KV_QUANTUM) ? (ptrdiff_t)d->budget : KV_QUANTUM;
        d->budget -= (uint64_t)d->steps;
        if (!d->checkpoint(d->owner))
          d->stopping = KV_STOPPED;
      }
    }
  }
  if (d->stopping)
    d->steps = 0;
  return d->stopping;
}


/*
** Leaves the run, which is being stopped. What it passes on its way out takes
** steps, and comes here again: the place is that of the first time.
*/
void kv_stop (struct lua_State *L) {
  kv_Guard *d = &G(L)->guard;
  if (!d->placed)
    luaG_rememberplace(L);
  d->placed = 1;
  luaD_throw(L, LUA_ERRSTOP);
}


void kv_checkpoint (struct lua_State *L) {
  if (kv_look(G(L)))
    kv_stop(L);
}


/* for who has caught an error: those that stop a run go on to its top */
void kv_rethrow (struct lua_State *L, int status) {
  if (status == LUA_ERRSTOP)
    luaD_throw(L, status);
}


/*
** Collects garbage if `size' more bytes would pass the limit. Everything that
** is in use must be reachable, and pointers into the stack do not survive.
*/
void kv_reserve (struct lua_State *L, size_t size) {
  global_State *g = G(L);
  if (kv_unlikely(size > g->guard.limit - g->totalbytes ||
                  g->totalbytes > g->guard.limit) &&
      size <= g->guard.limit)
    luaC_fullgc(L);
}
