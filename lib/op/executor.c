/* Runs an operation's steps: in the calling thread where one is ready at a time, side by side where the plan allows. */
#include <poll.h>
#include <signal.h>

#include "op/op-internal.h"

#define PARALLEL 8

static bool readable(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return fd >= 0 && poll(&p, 1, 0) > 0;
}

bool op_hard(const struct hal9_op_env *env) {
    return env->cancel && readable(env->cancel->hard_fd);
}

bool op_soft(const struct hal9_op_env *env) {
    return env->cancel && (readable(env->cancel->soft_fd) || readable(env->cancel->hard_fd));
}

static enum op_pace pace(const struct operation *op) {
    if (op->journal_lost || op_hard(op->env))
        return OP_NOTHING;
    return op->stopped.code != HAL9_OK || op_soft(op->env) ? OP_COMMITTED : OP_ALL;
}

struct job {
    struct operation *op;
    struct op_step *step;
};

static void *run_thread(void *data) {
    struct job *job = data;
    struct operation *op = job->op;
    struct op_step *s = job->step;
    free(job);
    op_step_run(op, s);
    pthread_mutex_lock(&op->lock);
    op->running--;
    s->thread_done = true;
    pthread_cond_signal(&op->wake);
    pthread_mutex_unlock(&op->lock);
    return NULL;
}

/* Signals are for the tool's own thread. False: no thread is to be had. */
static bool start_thread(struct operation *op, struct op_step *s) {
    struct job *job = hal9_alloc(sizeof(*job));
    *job = (struct job){op, s};
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    s->thread_done = false;
    s->threaded = pthread_create(&s->thread, NULL, run_thread, job) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!s->threaded)
        free(job);
    return s->threaded;
}

static void join_ended(struct operation *op) {
    for (size_t i = 0; i < op->plan.n; i++) {
        struct op_step *s = &op->steps[i];
        if (!s->threaded || !s->thread_done)
            continue;
        pthread_mutex_unlock(&op->lock); /* it may still be on its way out */
        pthread_join(s->thread, NULL);
        pthread_mutex_lock(&op->lock);
        s->threaded = false;
    }
}

static void run_here(struct operation *op, struct op_step *s) {
    pthread_mutex_unlock(&op->lock);
    op_step_run(op, s);
    pthread_mutex_lock(&op->lock);
    op->running--;
}

/* Runs all that can run; called and left with the lock held. */
static void run_steps(struct operation *op) {
    size_t parallel = op->env->parallel > 0 ? op->env->parallel : PARALLEL;
    for (;;) {
        struct op_step *s = op->running < parallel ? op_next_ready(op, pace(op)) : NULL;
        if (!s && op->running == 0)
            return;
        if (!s) {
            pthread_cond_wait(&op->wake, &op->lock);
            join_ended(op);
            continue;
        }
        s->state = HAL9_STEP_RUNNING;
        op->running++;
        bool alone = op->running == 1 && (parallel == 1 || !op_next_ready(op, pace(op)));
        if (alone || !start_thread(op, s))
            run_here(op, s);
    }
}

/* Why an operation is left without its end. */
static hal9_status left_open(struct operation *op, struct hal9_error *err) {
    if (op->stopped.code == HAL9_OK || op->stopped.code == HAL9_E_INTERRUPTED)
        op_say_interrupted(op);
    const struct hal9_cancel *cancel = op->env->cancel;
    if (op->stopped.code == HAL9_E_INTERRUPTED && cancel && cancel->timed_out && !cancel->signal) {
        op->stopped.code = HAL9_E_TIMEOUT;
        hal9_error_prefix(&op->stopped, "the time is over");
    }
    return hal9_error_move(err, &op->stopped);
}

static hal9_status finish(struct operation *op, struct hal9_error *err) {
    for (size_t i = 0; i < op->plan.n; i++)
        if (!op_step_ended(&op->steps[i]))
            return left_open(op, err);
    enum hal9_op_state state = op->failed == OP_NONE ? HAL9_OP_DONE : HAL9_OP_FAILED;
    return op_write_end(op, state, NULL, err);
}

hal9_status op_execute(struct operation *op, struct hal9_error *err) {
    pthread_mutex_lock(&op->lock);
    run_steps(op);
    join_ended(op);
    hal9_status st = finish(op, err);
    if (st != HAL9_OK) {
        hal9_journal_close(op->journal);
        op->journal = NULL;
    }
    op_tell_end(op);
    pthread_mutex_unlock(&op->lock);
    return st;
}
