/*
** The bounds of a run: steps, memory, and a flag by which another thread
** stops it. Part of kvstore, not of Lua; under the same licence.
*/

#ifndef kvguard_h
#define kvguard_h

#include <stddef.h>
#include <stdint.h>


/* status of a run that was stopped: no pcall keeps it */
#define LUA_ERRSTOP	7

/* steps between two looks at the budget and the host */
#define KV_QUANTUM	10000

/* so many instructions, as a power of two, are one more step of a call or a
** jump back: a run of a given length takes some time and no more */
#define KV_LENGTH	4

/* what a number of some digits takes to be written or read, in steps */
#define KV_DIGITS	8

/* why a run is being stopped */
#define KV_STOPPED	1	/* the flag, or the host */
#define KV_BUDGET	2	/* it has used up its steps */

/* the largest name of a chunk that the place of an error is told with */
#define KV_SOURCE	256

/* results of `native', beside a number of results */
#define KV_RAISE	(-1)	/* the value on the top of the stack is an error */
#define KV_MEMORY	(-2)
#define KV_STOP		(-3)


typedef struct kv_Guard {
  const int *stop;  /* set by any thread; read as an atomic */
  ptrdiff_t steps;  /* left until the next checkpoint */
  uint64_t budget;  /* steps that are left after those */
  size_t limit;  /* bytes that the state may hold */
  int lenient;  /* set while native code runs: nothing is refused */
  int stopping;  /* why the run is being stopped, or 0 */
  uint64_t random;  /* state of `math.random' */
  uint64_t run;  /* the number of the run */
  int placed;  /* whether the place below is where the run was stopped */
  int line;  /* where the last error was raised; -1: not known */
  char source[KV_SOURCE];
  void *owner;  /* what the calls below are given */
  int (*checkpoint) (void *owner);  /* 0 to stop the run */
  int (*native) (void *owner, void *state, const void *function, int id);
} kv_Guard;


#if defined(__GNUC__) || defined(__clang__)
#define kv_atomic(p)	__atomic_load_n((p), __ATOMIC_RELAXED)
#define kv_unlikely(x)	__builtin_expect((x) != 0, 0)
#else
#define kv_atomic(p)	(*(const volatile int *)(p))
#define kv_unlikely(x)	((x) != 0)
#endif

#define kv_asked(d)	kv_atomic((d)->stop)

/* is the run to be stopped? for loops that may be left but not by an error */
#define kv_mustleave(g) \
	kv_unlikely((g)->guard.stopping || kv_asked(&(g)->guard))

/* takes `n' steps from those that are left; stops the run if it is due */
#define kv_step(L,n) \
	{ if (kv_unlikely((G(L)->guard.steps -= (ptrdiff_t)(n)) <= 0)) \
	    kv_checkpoint(L); }

/* the same where no error may be raised: the next step will */
#define kv_charge(L,n)	(G(L)->guard.steps -= (ptrdiff_t)(n))


struct lua_State;
struct global_State;

LUAI_FUNC int kv_look (struct global_State *g);
LUAI_FUNC void kv_checkpoint (struct lua_State *L);
LUAI_FUNC void kv_stop (struct lua_State *L);
LUAI_FUNC void kv_rethrow (struct lua_State *L, int status);
LUAI_FUNC void kv_reserve (struct lua_State *L, size_t size);


#endif
