/*
** The whole of Lua in one translation unit, and the functions that the Rust
** side calls. Nothing of Lua itself is visible outside.
**
** No function here raises an error into its caller. While native code runs,
** the guard is lenient: allocations are not refused (a shim asks before it
** allocates), tables are accessed raw, and no userdata has a finalizer, so that
** nothing that these functions do calls back into Lua, or jumps out of it.
*/

#define luaall_c

/* before ldebug.h, which defines getline */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lua-5.1.5/lapi.c"
#include "../lua-5.1.5/lcode.c"
#include "../lua-5.1.5/ldebug.c"
#include "../lua-5.1.5/ldo.c"
#include "../lua-5.1.5/ldump.c"
#include "../lua-5.1.5/lfunc.c"
#include "../lua-5.1.5/lgc.c"
#include "../lua-5.1.5/llex.c"
#include "../lua-5.1.5/lmem.c"
#include "../lua-5.1.5/lobject.c"
#include "../lua-5.1.5/lopcodes.c"
#include "../lua-5.1.5/lparser.c"
#include "../lua-5.1.5/lstate.c"
#include "../lua-5.1.5/lstring.c"
#include "../lua-5.1.5/ltable.c"
#include "../lua-5.1.5/ltm.c"
#include "../lua-5.1.5/lvm.c"
#include "../lua-5.1.5/lzio.c"
#include "../lua-5.1.5/kvguard.c"

#include "../lua-5.1.5/lauxlib.c"
#include "../lua-5.1.5/lbaselib.c"
#include "../lua-5.1.5/lmathlib.c"
#include "../lua-5.1.5/loslib.c"
#include "../lua-5.1.5/lstrlib.c"
#include "../lua-5.1.5/ltablib.c"


/* results of what may fail; as in raw.rs */
#define OK		0
#define NO_MEMORY	1
#define NO_SLOTS	2
#define READONLY	3
#define BAD_KEY		4
#define TOO_LARGE	5
#define NOT_A_TABLE	6

/* what a new string, table or closure takes at most beside its contents */
#define OBJECT		128

/* entries that a table may have; the memory of it is bounded before */
#define MAXENTRIES	(1 << 25)


/*
** May `size' more bytes be allocated? If not at once, garbage is collected.
*/
static int fits (lua_State *L, size_t size) {
  global_State *g = G(L);
  size_t limit = g->guard.limit;
  if (size <= limit && g->totalbytes <= limit - size) return 1;
  if (size > limit) return 0;
  luaC_fullgc(L);
  return g->totalbytes <= limit - size;
}


static int has_slot (lua_State *L) {
  return lua_checkstack(L, 1);
}


/*
** {======================================================
** State
** =======================================================
*/

static const luaL_Reg libraries[] = {
  {"", luaopen_base},
  {LUA_TABLIBNAME, luaopen_table},
  {LUA_OSLIBNAME, luaopen_os},
  {LUA_STRLIBNAME, luaopen_string},
  {LUA_MATHLIBNAME, luaopen_math},
  {NULL, NULL}
};


static int open_libraries (lua_State *L) {
  const luaL_Reg *library;
  for (library = libraries; library->func; library++) {
    lua_pushcfunction(L, library->func);
    lua_pushstring(L, library->name);
    lua_call(L, 1, 0);
  }
  /* what luaL_register uses */
  lua_pushnil(L);
  lua_setfield(L, LUA_REGISTRYINDEX, "_LOADED");
  return 0;
}


lua_State *kvlua_new (lua_Alloc alloc, void *owner, const int *stop,
                      size_t limit, int (*checkpoint) (void *),
                      int (*native) (void *, void *, const void *, int)) {
  kv_Guard guard;
  lua_State *L;
  memset(&guard, 0, sizeof(guard));
  guard.stop = stop;
  guard.steps = KV_QUANTUM;
  guard.budget = UINT64_MAX / 2;
  guard.limit = limit;
  guard.random = 0x330E;
  guard.owner = owner;
  guard.checkpoint = checkpoint;
  guard.native = native;
  L = lua_newstate(alloc, &guard);
  if (L == NULL) return NULL;
  if (lua_cpcall(L, open_libraries, NULL) != 0) {
    lua_close(L);
    return NULL;
  }
  lua_settop(L, 0);
  G(L)->guard.lenient = 1;
  return L;
}


void kvlua_close (lua_State *L) {
  lua_close(L);
}


size_t kvlua_used (lua_State *L) {
  return G(L)->totalbytes;
}


void kvlua_set_limit (lua_State *L, size_t limit) {
  global_State *g = G(L);
  g->guard.limit = limit;
  /* the threshold is one for the limit before */
  if (g->GCthreshold > limit / 2) g->GCthreshold = g->totalbytes;
}


/* Begins a run: whatever an earlier one has set is as it was. */
void kvlua_begin (lua_State *L, uint64_t budget) {
  global_State *g = G(L);
  kv_Guard *d = &g->guard;
  d->stopping = 0;
  d->steps = (budget < KV_QUANTUM) ? (ptrdiff_t)budget : KV_QUANTUM;
  d->budget = budget - (uint64_t)d->steps;
  d->random = 0x330E;
  d->run++;
  g->gcpause = LUAI_GCPAUSE;
  g->gcstepmul = LUAI_GCMUL;
  if (g->GCthreshold > g->totalbytes * 4 + GCSTEPSIZE)
    g->GCthreshold = g->totalbytes;
}


void kvlua_end (lua_State *L) {
  global_State *g = G(L);
  lua_settop(L, 0);
  g->guard.stopping = 0;
  if (luaZ_sizebuffer(&g->buff) > 64 * 1024)
    luaZ_resizebuffer(L, &g->buff, LUA_MINBUFFER);
}


uint64_t kvlua_run (lua_State *L) {
  return G(L)->guard.run;
}


void kvlua_seed (lua_State *L, uint32_t seed) {
  kv_seed(L, seed);
}


/* Each collection halves the table of strings and the buffer if they are too
   large, so that one is not enough. */
void kvlua_collect (lua_State *L) {
  size_t before;
  int rounds = 0;
  do {
    before = G(L)->totalbytes;
    luaC_fullgc(L);
  } while (G(L)->totalbytes < before && ++rounds < 32);
}


/* Takes steps; nonzero if the run is to be stopped. */
int kvlua_step (lua_State *L, size_t steps) {
  global_State *g = G(L);
  if (steps > KV_QUANTUM) steps = KV_QUANTUM;
  kv_charge(L, steps);
  if (g->guard.steps > 0 && !kv_mustleave(g)) return 0;
  return kv_look(g);
}


int kvlua_fits (lua_State *L, size_t size) {
  return fits(L, size);
}

/* }====================================================== */


/*
** {======================================================
** Calls
** =======================================================
*/

struct Place {
  const char *source;
  int line;
  int stopping;
};


static void tell_place (lua_State *L, struct Place *place) {
  kv_Guard *d = &G(L)->guard;
  place->source = d->source;
  place->line = d->line;
  place->stopping = d->stopping;
}


/* Calls what is below its arguments; the status of lua_pcall. */
int kvlua_call (lua_State *L, int arguments, int results,
                struct Place *place) {
  kv_Guard *d = &G(L)->guard;
  int status;
  if (lua_gettop(L) < arguments + 1 || results > LUAI_MAXCSTACK / 2)
    return LUA_ERRERR;
  if (!lua_checkstack(L, results < 0 ? 1 : results + 1)) return LUA_ERRMEM;
  d->source[0] = '\0';
  d->line = -1;
  d->placed = 0;
  d->lenient = 0;
  status = lua_pcall(L, arguments, results, 0);
  d->lenient = 1;
  if (status != 0) tell_place(L, place);
  return status;
}


/* Compiles source and pushes the function, or the error. */
int kvlua_load (lua_State *L, const char *source, size_t size,
                const char *name, struct Place *place) {
  kv_Guard *d = &G(L)->guard;
  int status;
  if (!lua_checkstack(L, 1)) return LUA_ERRMEM;
  d->source[0] = '\0';
  d->line = -1;
  d->placed = 0;
  d->lenient = 0;
  status = luaL_loadbuffer(L, source, size, name);
  d->lenient = 1;
  if (status != 0) tell_place(L, place);
  return status;
}


/* Every native function: the first upvalue says which. */
static int call_native (lua_State *L) {
  kv_Guard *d = &G(L)->guard;
  const TValue *which = &curr_func(L)->c.upvalue[0];
  int n;
  d->lenient = 1;
  if (ttislightuserdata(which))
    n = d->native(d->owner, L, pvalue(which), 0);
  else
    n = d->native(d->owner, L, NULL, (int)nvalue(which));
  d->lenient = 0;
  switch (n) {
    case KV_RAISE: return lua_error(L);
    case KV_MEMORY: luaD_throw(L, LUA_ERRMEM); break;
    case KV_STOP: {
      if (!d->stopping) d->stopping = KV_STOPPED;
      d->steps = 0;
      kv_stop(L);
      break;
    }
    default: break;
  }
  if (G(L)->totalbytes > d->limit) luaD_throw(L, LUA_ERRMEM);
  return n;
}


int kvlua_push_native (lua_State *L, const void *function, int id) {
  if (!lua_checkstack(L, 2)) return NO_SLOTS;
  if (!fits(L, OBJECT)) return NO_MEMORY;
  if (function) lua_pushlightuserdata(L, (void *)function);
  else lua_pushinteger(L, id);
  lua_pushcclosure(L, call_native, 1);
  return OK;
}


/* Pushes a userdata that holds these bytes, for a function to have. */
int kvlua_push_block (lua_State *L, const char *bytes, size_t size) {
  if (!has_slot(L)) return NO_SLOTS;
  if (!fits(L, size + OBJECT)) return NO_MEMORY;
  memcpy(lua_newuserdata(L, size), bytes, size);
  return OK;
}


/* Replaces the block on the top by a native function that has it. */
int kvlua_push_native_with (lua_State *L, const void *function) {
  if (!lua_checkstack(L, 2)) return NO_SLOTS;
  if (!fits(L, OBJECT)) return NO_MEMORY;
  lua_pushlightuserdata(L, (void *)function);
  lua_insert(L, -2);
  lua_pushcclosure(L, call_native, 2);
  return OK;
}


/* The block of the native function that runs; NULL if it has none. */
char *kvlua_block (lua_State *L, size_t *size) {
  const CallInfo *ci = L->ci;
  const Closure *running;
  if (ci == L->base_ci || !ttisfunction(ci->func)) return NULL;
  running = clvalue(ci->func);
  if (!running->c.isC || running->c.nupvalues < 2 ||
      !ttisuserdata(&running->c.upvalue[1]))
    return NULL;
  *size = uvalue(&running->c.upvalue[1])->len;
  return (char *)(rawuvalue(&running->c.upvalue[1]) + 1);
}


/* Where the function at `level' is: "chunk:line: ", or nothing. */
size_t kvlua_where (lua_State *L, int level, char *to, size_t size) {
  CallInfo *ci = L->ci;
  to[0] = '\0';
  while (level > 0 && ci > L->base_ci) {
    level--;
    if (f_isLua(ci)) level -= ci->tailcalls;
    ci--;
  }
  if (level == 0 && ci > L->base_ci && isLua(ci)) {
    int line = currentline(L, ci);
    if (line > 0) {
      char name[LUA_IDSIZE];
      luaO_chunkid(name, getstr(getluaproto(ci)->source), LUA_IDSIZE);
      snprintf(to, size, "%s:%d: ", name, line);
    }
  }
  return strlen(to);
}


/* The name by which the running function was called, as luaL_argerror tells
   it; NULL if it is not known. `method' is set for a call with a colon. */
const char *kvlua_function_name (lua_State *L, int *method) {
  const char *name = NULL;
  const char *what = getfuncname(L, L->ci, &name);
  *method = (what != NULL && strcmp(what, "method") == 0);
  return (what != NULL) ? name : NULL;
}

/* }====================================================== */


/*
** {======================================================
** Slots: `i' is always a slot that is in use
** =======================================================
*/

int kvlua_top (lua_State *L) {
  return lua_gettop(L);
}

void kvlua_set_top (lua_State *L, int top) {
  lua_settop(L, top);
}

int kvlua_kind (lua_State *L, int i) {
  return lua_type(L, i);
}

int kvlua_boolean (lua_State *L, int i) {
  return lua_toboolean(L, i);
}

/* Numbers, and with `coerce' strings that are numbers. */
int kvlua_number (lua_State *L, int i, int coerce, double *number) {
  TValue temporary;
  const TValue *o = index2adr(L, i);
  if (!ttisnumber(o) && !coerce) return 0;
  if (!tonumber(o, &temporary)) return 0;
  *number = nvalue(o);
  return 1;
}

const char *kvlua_bytes (lua_State *L, int i, size_t *size) {
  const TValue *o = index2adr(L, i);
  if (!ttisstring(o)) return NULL;
  *size = tsvalue(o)->len;
  return svalue(o);
}

size_t kvlua_number_text (double number, char *to) {
  lua_number2str(to, number);
  return strlen(to);
}

size_t kvlua_length (lua_State *L, int i) {
  const TValue *o = index2adr(L, i);
  if (ttisstring(o)) return tsvalue(o)->len;
  return ttistable(o) ? (size_t)luaH_getn(hvalue(o)) : 0;
}

/* a string counts for each function that names it, though it is there once */
static size_t name_size (TString *s) {
  return s ? sizestring(&s->tsv) : 0;
}

/* The parser bounds how deep functions nest. */
static size_t prototype_size (const Proto *p) {
  size_t size = sizeof(Proto) + p->sizecode * sizeof(Instruction) +
                p->sizelineinfo * sizeof(int) + p->sizek * sizeof(TValue) +
                p->sizep * sizeof(Proto *) + p->sizelocvars * sizeof(LocVar) +
                p->sizeupvalues * sizeof(TString *);
  int i;
  for (i = 0; i < p->sizek; i++)
    if (ttisstring(&p->k[i])) size += name_size(rawtsvalue(&p->k[i]));
  for (i = 0; i < p->sizelocvars; i++) size += name_size(p->locvars[i].varname);
  for (i = 0; i < p->sizeupvalues; i++) size += name_size(p->upvalues[i]);
  for (i = 0; i < p->sizep; i++) size += prototype_size(p->p[i]);
  return size;
}

/* What the code of a function in Lua takes, with the functions in it. */
size_t kvlua_code_size (lua_State *L, int i) {
  const TValue *o = index2adr(L, i);
  return isLfunction(o) ? prototype_size(clvalue(o)->l.p) : 0;
}

const void *kvlua_pointer (lua_State *L, int i) {
  return lua_topointer(L, i);
}

int kvlua_raw_equal (lua_State *L, int i, int j) {
  return lua_rawequal(L, i, j);
}

int kvlua_push_nil (lua_State *L) {
  if (!has_slot(L)) return NO_SLOTS;
  lua_pushnil(L);
  return OK;
}

int kvlua_push_boolean (lua_State *L, int b) {
  if (!has_slot(L)) return NO_SLOTS;
  lua_pushboolean(L, b);
  return OK;
}

int kvlua_push_number (lua_State *L, double n) {
  if (!has_slot(L)) return NO_SLOTS;
  lua_pushnumber(L, n);
  return OK;
}

int kvlua_push_light (lua_State *L, void *p) {
  if (!has_slot(L)) return NO_SLOTS;
  lua_pushlightuserdata(L, p);
  return OK;
}

int kvlua_push_bytes (lua_State *L, const char *s, size_t size) {
  if (!has_slot(L)) return NO_SLOTS;
  if (!fits(L, size + OBJECT)) return NO_MEMORY;
  luaC_checkGC(L);
  setsvalue2s(L, L->top, luaS_newlstr(L, s, size));
  L->top++;
  return OK;
}

int kvlua_push_copy (lua_State *L, int i) {
  if (!has_slot(L)) return NO_SLOTS;
  lua_pushvalue(L, i);
  return OK;
}

int kvlua_push_globals (lua_State *L) {
  if (!has_slot(L)) return NO_SLOTS;
  lua_pushvalue(L, LUA_GLOBALSINDEX);
  return OK;
}

int kvlua_push_table (lua_State *L, size_t array, size_t hash) {
  if (!has_slot(L)) return NO_SLOTS;
  if (array > MAXENTRIES || hash > MAXENTRIES) return TOO_LARGE;
  if (!fits(L, OBJECT + array * sizeof(TValue) + 2 * hash * sizeof(Node)))
    return NO_MEMORY;
  lua_createtable(L, (int)array, (int)hash);
  return OK;
}

void kvlua_insert (lua_State *L, int i) {
  lua_insert(L, i);
}

void kvlua_remove (lua_State *L, int i) {
  lua_remove(L, i);
}

void kvlua_replace (lua_State *L, int i) {
  lua_replace(L, i);
}

int kvlua_reserve (lua_State *L, int slots) {
  return lua_checkstack(L, slots) ? OK : NO_SLOTS;
}

/* }====================================================== */


/*
** {======================================================
** Tables, raw
** =======================================================
*/

static Table *table_at (lua_State *L, int i) {
  const TValue *o = index2adr(L, i);
  return ttistable(o) ? hvalue(o) : NULL;
}


/* May one more entry be set in `t'? A table doubles when it is full. */
static int has_room (lua_State *L, const Table *t) {
  size_t nodes = (t->node == dummynode) ? 0 : (size_t)sizenode(t);
  size_t size = (size_t)t->sizearray + nodes;
  if (size >= MAXENTRIES) return TOO_LARGE;
  /* both parts may be made anew, beside the old nodes */
  if (!fits(L, OBJECT + 2 * (size_t)t->sizearray * sizeof(TValue) +
               2 * nodes * (sizeof(Node) + sizeof(TValue))))
    return NO_MEMORY;
  return OK;
}


/* Pops the value on the top into t[key]; `key' is in use by the stack, or a
   string that was not yet made collectable. */
static int set_entry (lua_State *L, Table *t, const TValue *key, int drop) {
  const TValue *old = luaH_get(t, key);
  TValue *slot;
  if (old != luaO_nilobject) slot = cast(TValue *, old);
  else {
    int room;
    if (ttisnil(key) || (ttisnumber(key) && luai_numisnan(nvalue(key))))
      return BAD_KEY;
    if ((room = has_room(L, t)) != OK) return room;
    slot = luaH_set(L, t, key);
  }
  setobj2t(L, slot, L->top - 1);
  t->flags = 0;
  luaC_barriert(L, t, L->top - 1);
  L->top -= drop;
  return OK;
}


/* t[key on the top] replaces the key. */
int kvlua_get (lua_State *L, int i) {
  Table *t = table_at(L, i);
  if (t == NULL) return NOT_A_TABLE;
  setobj2s(L, L->top - 1, luaH_get(t, L->top - 1));
  return OK;
}

int kvlua_get_index (lua_State *L, int i, int n) {
  Table *t;
  if (!has_slot(L)) return NO_SLOTS;
  t = table_at(L, i);
  if (t == NULL) return NOT_A_TABLE;
  setobj2s(L, L->top, luaH_getnum(t, n));
  L->top++;
  return OK;
}

int kvlua_get_field (lua_State *L, int i, const char *s, size_t size) {
  int done = kvlua_push_bytes(L, s, size);
  if (done != OK) return done;
  done = kvlua_get(L, (i < 0) ? i - 1 : i);
  if (done != OK) L->top--;
  return done;
}

/* Pops key and value. */
int kvlua_set (lua_State *L, int i) {
  Table *t = table_at(L, i);
  if (t == NULL) return NOT_A_TABLE;
  if (t->readonly) return READONLY;
  return set_entry(L, t, L->top - 2, 2);
}

int kvlua_set_index (lua_State *L, int i, int n) {
  Table *t = table_at(L, i);
  TValue key;
  if (t == NULL) return NOT_A_TABLE;
  if (t->readonly) return READONLY;
  if (0 < n && n <= t->sizearray) {
    setobj2t(L, &t->array[n - 1], L->top - 1);
    luaC_barriert(L, t, L->top - 1);
    L->top--;
    return OK;
  }
  setnvalue(&key, cast_num(n));
  return set_entry(L, t, &key, 1);
}

/* Pops the value. With `force' into a table that is read-only, too. */
int kvlua_set_field (lua_State *L, int i, const char *s, size_t size,
                     int force) {
  Table *t = table_at(L, i);
  int done;
  if (t == NULL) return NOT_A_TABLE;
  if (t->readonly && !force) return READONLY;
  done = kvlua_push_bytes(L, s, size);  /* value, key */
  if (done != OK) return done;
  lua_insert(L, -2);  /* key, value */
  done = set_entry(L, t, L->top - 2, 2);
  if (done != OK) lua_remove(L, -2);
  return done;
}

/* Pops a value into element `n' of the table below it. */
int kvlua_append (lua_State *L, int n) {
  if (L->top - L->base < 2) return NOT_A_TABLE;
  return kvlua_set_index(L, -2, n);
}


/*
** Replaces the `n' values on the top by a table that has them as elements from
** 1 on. It is the same table as one that has grown element by element.
*/
int kvlua_make_array (lua_State *L, int n) {
  size_t size = 1;
  StkId values;
  Table *t;
  int i, has_nil = 0;
  if (!has_slot(L)) return NO_SLOTS;
  while (size < (size_t)n) size *= 2;
  if (!fits(L, OBJECT + 2 * size * (sizeof(TValue) + sizeof(Node))))
    return NO_MEMORY;
  luaC_checkGC(L);
  values = L->top - n;
  for (i = 0; i < n; i++) has_nil |= ttisnil(values + i);
  t = luaH_new(L, (n > 0 && !has_nil) ? (int)size : 0, 0);
  sethvalue(L, L->top, t);
  L->top++;
  for (i = 0; i < n; i++) {
    setobj2t(L, luaH_setnum(L, t, i + 1), values + i);
    luaC_barriert(L, t, values + i);
  }
  setobj2s(L, values, L->top - 1);
  L->top = values + 1;
  return OK;
}


/* The same for `n' keys, each below its value. */
int kvlua_make_map (lua_State *L, int n) {
  StkId pairs;
  Table *t;
  int i, has_number = 0;
  if (!has_slot(L)) return NO_SLOTS;
  if (!fits(L, OBJECT + 4 * (size_t)n * (sizeof(TValue) + sizeof(Node))))
    return NO_MEMORY;
  luaC_checkGC(L);
  pairs = L->top - 2 * n;
  for (i = 0; i < n; i++) {
    const TValue *key = pairs + 2 * i;
    if (ttisnil(key) || (ttisnumber(key) && luai_numisnan(nvalue(key))))
      return BAD_KEY;
    has_number |= ttisnumber(key);
  }
  /* numbers move to the array part as the table grows */
  t = luaH_new(L, 0, has_number ? 0 : n);
  sethvalue(L, L->top, t);
  L->top++;
  for (i = 0; i < n; i++) {
    setobj2t(L, luaH_set(L, t, pairs + 2 * i), pairs + 2 * i + 1);
    luaC_barriert(L, t, pairs + 2 * i + 1);
  }
  setobj2s(L, pairs, L->top - 1);
  L->top = pairs + 1;
  return OK;
}


/*
** Pushes key and value of the first entry at or after `position', and moves
** that behind it. Returns 1, 0 at the end, or -1 without room on the stack.
*/
int kvlua_next (lua_State *L, int i, size_t *position) {
  Table *t;
  size_t p = *position;
  size_t array, nodes;
  if (!lua_checkstack(L, 2)) return -1;
  t = table_at(L, i);
  if (t == NULL) return 0;
  array = (size_t)t->sizearray;
  nodes = (size_t)sizenode(t);
  for (; p < array; p++) {
    if (!ttisnil(&t->array[p])) {
      setnvalue(L->top, cast_num(p + 1));
      setobj2s(L, L->top + 1, &t->array[p]);
      L->top += 2;
      *position = p + 1;
      return 1;
    }
  }
  for (; p - array < nodes; p++) {
    Node *n = gnode(t, p - array);
    if (!ttisnil(gval(n))) {
      setobj2s(L, L->top, key2tval(n));
      setobj2s(L, L->top + 1, gval(n));
      L->top += 2;
      *position = p + 1;
      return 1;
    }
  }
  *position = p;
  return 0;
}

/*
** The keys of a table, as a library wants to know them that tells arrays from
** other tables: 0 if not all of them are integers from 1 on, else 1, and 2 if
** one is beyond the integers of C. Gives the largest, as C assigns a double to
** an integer, and how many there are.
*/
int kvlua_index_keys (lua_State *L, int i, int *largest, size_t *count) {
  const Table *t = table_at(L, i);
  int j, keys = 1, max = 0;
  size_t n = 0;
  if (t == NULL) return 0;
  for (j = 0; j < t->sizearray; j++) {
    if (!ttisnil(&t->array[j])) {
      max = j + 1;
      n++;
    }
  }
  for (j = 0; j < sizenode(t); j++) {
    const Node *node = gnode(t, j);
    lua_Number key;
    if (ttisnil(gval(node))) continue;
    if (!ttisnumber(gkey(node))) return 0;
    key = nvalue(gkey(node));
    if (!(key >= 1) || floor(key) != key) return 0;
    if (key > INT_MAX) keys = 2;
    if (key > max) max = (key > INT_MAX) ? INT_MIN : (int)key;
    n++;
  }
  *largest = max;
  *count = n;
  return keys;
}

/* How many entries a table has. */
size_t kvlua_count (lua_State *L, int i) {
  const Table *t = table_at(L, i);
  size_t n = 0;
  int j;
  if (t == NULL) return 0;
  for (j = 0; j < t->sizearray; j++)
    if (!ttisnil(&t->array[j])) n++;
  for (j = 0; j < sizenode(t); j++)
    if (!ttisnil(gval(gnode(t, j)))) n++;
  return n;
}

/* How many elements a table has from 1 on up to the first nil, and whether it
   may have anything else. */
size_t kvlua_elements (lua_State *L, int i, int *has_fields) {
  Table *t = table_at(L, i);
  int n = 0;
  *has_fields = 0;
  if (t == NULL) return 0;
  while (n < t->sizearray && !ttisnil(&t->array[n])) n++;
  if (n == t->sizearray)
    while (n < INT_MAX && !ttisnil(luaH_getnum(t, n + 1))) n++;
  *has_fields = sizenode(t) > 1 || !ttisnil(gval(gnode(t, 0)));
  return (size_t)n;
}


int kvlua_metatable (lua_State *L, int i) {
  if (!has_slot(L)) return 0;
  return lua_getmetatable(L, i);
}

/* Pops a table, or nil. */
int kvlua_set_metatable (lua_State *L, int i) {
  Table *t = table_at(L, i);
  if (t == NULL || !(ttistable(L->top - 1) || ttisnil(L->top - 1)))
    return NOT_A_TABLE;
  if (t->readonly) return READONLY;
  lua_setmetatable(L, i);
  return OK;
}

int kvlua_set_readonly (lua_State *L, int i, int readonly) {
  Table *t = table_at(L, i);
  if (t == NULL) return NOT_A_TABLE;
  t->readonly = cast_byte(readonly != 0);
  return OK;
}

int kvlua_is_readonly (lua_State *L, int i) {
  Table *t = table_at(L, i);
  return t != NULL && t->readonly;
}

/* Pops a table that becomes the environment of the function at `i'. */
int kvlua_set_environment (lua_State *L, int i) {
  if (!ttistable(L->top - 1) || !ttisfunction(index2adr(L, i)))
    return NOT_A_TABLE;
  lua_setfenv(L, i);
  return OK;
}

/* }====================================================== */


/*
** {======================================================
** What outlives a run
** =======================================================
*/

/* Pops a value and keeps it; 0 if there is no memory for that. */
int kvlua_keep (lua_State *L) {
  if (!lua_checkstack(L, 3)) return 0;
  if (has_room(L, hvalue(registry(L))) != OK) return 0;
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

void kvlua_release (lua_State *L, int kept) {
  if (lua_checkstack(L, 3)) luaL_unref(L, LUA_REGISTRYINDEX, kept);
}

/*
** Pushes what is kept. A function without upvalues is pushed as a new closure
** over the globals, so that setfenv changes it for one run alone.
*/
int kvlua_push_kept (lua_State *L, int kept) {
  const TValue *o;
  if (!has_slot(L)) return NO_SLOTS;
  o = luaH_getnum(hvalue(registry(L)), kept);
  if (isLfunction(o) && clvalue(o)->l.nupvalues == 0) {
    Closure *fresh;
    if (!fits(L, OBJECT)) return NO_MEMORY;
    luaC_checkGC(L);
    fresh = luaF_newLclosure(L, 0, clvalue(o)->l.env);
    fresh->l.p = clvalue(o)->l.p;
    setclvalue(L, L->top, fresh);
    L->top++;
    return OK;
  }
  setobj2s(L, L->top, o);
  L->top++;
  return OK;
}

/* }====================================================== */


/*
** {======================================================
** Protection
** =======================================================
*/

static int absent_global (lua_State *L) {
  const char *name = luaL_checkstring(L, 2);
  return luaL_error(L, "Script attempted to access nonexistent global "
                       "variable '%s'", name);
}


/* Marks what the table on the top reaches; its own stack is a list in Lua. */
static void protect (lua_State *L, Table *t, int depth) {
  int i;
  if (t->readonly || depth > 100) return;
  t->readonly = 1;
  for (i = 0; i < t->sizearray; i++)
    if (ttistable(&t->array[i])) protect(L, hvalue(&t->array[i]), depth + 1);
  for (i = 0; i < sizenode(t); i++) {
    const TValue *v = gval(gnode(t, i));
    if (ttistable(v)) protect(L, hvalue(v), depth + 1);
  }
  if (t->metatable) protect(L, t->metatable, depth + 1);
}


/*
** Makes the table at `i', its metatable and everything that they reach
** read-only, and the metatables of the basic types.
*/
int kvlua_protect (lua_State *L, int i) {
  Table *t = table_at(L, i);
  int type;
  if (t == NULL) return NOT_A_TABLE;
  protect(L, t, 0);
  for (type = 0; type < NUM_TAGS; type++)
    if (G(L)->mt[type]) protect(L, G(L)->mt[type], 0);
  return OK;
}

/* Sets a metatable for the table at `i' that refuses absent names. */
int kvlua_refuse_absent (lua_State *L, int i) {
  int done;
  if (i < 0) i = lua_gettop(L) + i + 1;
  if (!lua_checkstack(L, 3)) return NO_SLOTS;
  if ((done = kvlua_push_table(L, 0, 1)) != OK) return done;
  if (!fits(L, OBJECT)) { L->top--; return NO_MEMORY; }
  lua_pushcclosure(L, absent_global, 0);
  done = kvlua_set_field(L, -2, "__index", 7, 0);
  if (done != OK) { L->top -= 2; return done; }
  done = kvlua_set_metatable(L, i);
  if (done != OK) L->top--;
  return done;
}

/* }====================================================== */
