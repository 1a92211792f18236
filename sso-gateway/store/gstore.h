/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_GSTORE_H
#define HC_GSTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

struct hc_loop;

/*
 * The gateway's store: clients, signing keys, browser sessions, codes, tokens. One SQLite file, WAL,
 * FULL sync, STRICT tables, numbered migrations; one writer thread, which commits in groups; every
 * loop has a read connection of its own. Nobody outside of store/ sees SQL.
 *
 * Secrets are not in it: codes, tokens, cookies and client secrets stand there as SHA-256 of at
 * least 256 random bits (ticket.h); private keys are sealed by the caller. Times are milliseconds
 * since 1970 UTC and come from the caller; 0 stands for "none" in optional ones.
 *
 * Reads take a view, writes a transaction:
 *   struct hc_gstore_view  what is committed (a loop's own view), or inside a work function what the
 *                          transaction sees (hc_gstore_tx_view). Belongs to one thread.
 *   struct hc_gstore_tx    handed to a work function, valid during its call.
 *
 * Errors, unless a function says otherwise:
 *   HC_ERR_NOTFOUND, HC_ERR_EXISTS, HC_ERR_STATE   as said at the function
 *   HC_ERR_INVALID  a value outside of its range: nothing is written
 *   HC_ERR_FULL     no space or a read-only file system
 *   HC_ERR_CORRUPT  the file or a row contradicts itself
 *   HC_ERR_IO       any other failure of SQLite (logged once here, with SQLite's own text)
 *   HC_ERR_NOMEM
 * Whoever gets one of the last four about a token refuses the token.
 */
struct hc_gstore;
struct hc_gstore_view;
struct hc_gstore_tx;

#define HC_GSTORE_LOOPS_MAX  16
#define HC_GSTORE_QUEUE	     4096	   /* writes that wait for the writer; beyond: HC_ERR_FULL */
#define HC_GSTORE_GROUP	     64		   /* members of a group */
#define HC_GSTORE_GROUP_MS   2		   /* the longest that a busy writer waits for a group to fill */
#define HC_GSTORE_CLOCK_ZERO 1577836800000 /* 2020-01-01 UTC: ids count from here */

/*
 * How a completion reaches its loop: hc_loop_post, or the tests' own. fn(ctx) must run on the loop's
 * thread, once; HC_ERR_NOMEM is tried again, any other error leaves the completion to hc_gstore_free.
 */
typedef enum hc_err (*hc_gstore_post_fn)(struct hc_loop *loop, void (*fn)(void *ctx), void *ctx);

struct hc_gstore_options {
	const char *path; /* of the database; its directory is ours alone. Borrowed for the call */
	struct hc_loop *const *loops; /* who reads and writes; the array is borrowed for the call */
	size_t loop_count;	      /* 1 to HC_GSTORE_LOOPS_MAX */
	hc_gstore_post_fn post;
};

/*
 * hc_gstore_open: opens or creates the file (mode 0600), migrates it, opens a view for each loop and
 * starts the writer. One owner: a lock file (path with ".lock") is held until hc_gstore_free; HC_ERR_STATE
 * where another process or another store of this process holds it. HC_ERR_CORRUPT for a newer
 * schema or a damaged file, HC_ERR_PERM where the file belongs to another user or others may write it.
 * Blocks for the disk. The caller must not fork without exec while it is open.
 */
HC_CHECK enum hc_err hc_gstore_open(const struct hc_gstore_options *options, struct hc_gstore **ret_store);

/*
 * hc_gstore_free: commits what is queued, ends the writer, closes the file. Blocks for that. The
 * loops have ended by then but still exist: completions that no loop took run here, on the calling
 * thread, so that no context is lost. Accepts NULL and a pointer to NULL.
 */
void hc_gstore_free(struct hc_gstore **store);

/* hc_gstore_view: the loop's own view; for that loop's thread alone. The loop was named when opening. */
struct hc_gstore_view *hc_gstore_view(struct hc_gstore *store, const struct hc_loop *loop);
struct hc_gstore_view *hc_gstore_tx_view(struct hc_gstore_tx *tx);

/*
 * hc_gstore_new_id: the id of a row to be written: greater than every id before it, in this life of
 * the store and in earlier ones, and close to the time (milliseconds since 2020, 15 more bits), so
 * that rows of one moment lie together. Always in 1 … 2^56 - 1. Any thread; does not block.
 */
int64_t hc_gstore_new_id(struct hc_gstore *store, int64_t now_ms);

/*
 * A write, as a member of a group.
 *
 * work runs on the writer's thread inside a SAVEPOINT of its own. It touches tx and ctx only, never
 * waits, and is called once. A result other than HC_OK undoes everything that it wrote and nothing of
 * the others; so a refusal that must leave a trace (a revoked family) is a result of HC_OK with the
 * refusal in ctx. A statement that failed makes the whole member fail, whatever work returns.
 *
 * done runs on the loop's thread, exactly once, after the COMMIT: with work's result if the COMMIT
 * held, else with HC_ERR_IO, HC_ERR_FULL or HC_ERR_NOMEM for every member of the group, and nothing of
 * any of them is in the file. Only after done said HC_OK may an answer leave the process. Completions
 * reach a loop in the order of its writes. done may call hc_gstore_write.
 */
typedef enum hc_err (*hc_gstore_work_fn)(struct hc_gstore_tx *tx, void *ctx);
typedef void (*hc_gstore_done_fn)(enum hc_err result, void *ctx);

/*
 * hc_gstore_write: queues a member; ctx is borrowed until done has run; done may be NULL. Any thread;
 * does not wait for the disk. HC_ERR_FULL when HC_GSTORE_QUEUE members wait (answer "busy"),
 * HC_ERR_CLOSED once hc_gstore_free was called, HC_ERR_NOMEM; neither work nor done runs then.
 */
HC_CHECK enum hc_err hc_gstore_write(struct hc_gstore *store, struct hc_loop *loop, hc_gstore_work_fn work,
				     hc_gstore_done_fn done, void *ctx);

/* What the writer did so far, for metrics. Any thread. */
struct hc_gstore_counts {
	uint64_t members; /* that ran */
	uint64_t groups;  /* that were committed */
	uint64_t refused; /* members that ran in a group whose COMMIT failed */
	uint64_t queued;  /* waiting now */
	int64_t file_bytes, log_bytes;
};
void hc_gstore_counts(const struct hc_gstore *store, struct hc_gstore_counts *ret_counts);

int hc_gstore_schema_version(const struct hc_gstore *store);

#endif
