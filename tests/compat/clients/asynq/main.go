// Tasks of asynq: at once, later, tried again, unique, by priority, in groups, archived; and workers that are stopped and killed
// half-way. All that asynq does with a queue is a script.
//
// With the argument "worker" behind the port it is a process of workers, which the program starts and kills.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

const (
	patience = time.Minute
	// A lease lasts half a minute, and is held to be lost half a minute after its end.
	leaseIsLost = 62 * time.Second
	workers     = 4
)

var (
	options   = asynq.RedisClientOpt{Addr: "127.0.0.1:" + os.Args[1]}
	store     = redis.NewClient(&redis.Options{Addr: options.Addr})
	ctx       = context.Background()
	client    = asynq.NewClient(options)
	inspector = asynq.NewInspector(options)
)

func main() {
	log.SetFlags(log.Lshortfile)
	log.SetPrefix("asynq: ")
	if len(os.Args) > 2 {
		must(newServer(asynq.Config{Concurrency: workers, Queues: map[string]int{"killed": 1}, ShutdownTimeout: 300 * time.Millisecond}).Run(handlers()))
		return
	}
	killed := killsWorkers()
	runsAtOnceAndLater()
	runsByPriority()
	triesAgainLaterAndLater()
	refusesDuplicates()
	archives()
	aggregates()
	pausesEditsAndDeletes()
	cancels()
	runsPeriodically()
	forgetsCompleted()
	time.Sleep(time.Until(killed.Add(leaseIsLost)))
	recoversLeases()
	fmt.Println("asynq: tasks ran once, later, again, by priority and in groups, and outlived their workers")
}

func newServer(config asynq.Config) *asynq.Server {
	config.LogLevel = asynq.FatalLevel
	config.TaskCheckInterval = 50 * time.Millisecond
	config.DelayedTaskCheckInterval = 100 * time.Millisecond
	config.JanitorInterval = time.Second
	if config.RetryDelayFunc == nil {
		config.RetryDelayFunc = func(int, error, *asynq.Task) time.Duration { return 0 }
	}
	return asynq.NewServer(options, config)
}

func whileServed(config asynq.Config, body func()) {
	server := newServer(config)
	must(server.Start(handlers()))
	body()
	server.Shutdown()
}

func queue(name string) asynq.Config {
	return asynq.Config{Concurrency: 8, Queues: map[string]int{name: 1}}
}

func handlers() *asynq.ServeMux {
	mux := asynq.NewServeMux()
	mux.HandleFunc("count", func(ctx context.Context, task *asynq.Task) error {
		return store.HIncrBy(ctx, "runs", string(task.Payload()), 1).Err()
	})
	mux.HandleFunc("list", func(ctx context.Context, task *asynq.Task) error {
		return store.RPush(ctx, string(task.Payload()), time.Now().UnixMilli()).Err()
	})
	mux.HandleFunc("name", func(ctx context.Context, task *asynq.Task) error {
		name, _ := asynq.GetQueueName(ctx)
		return store.RPush(ctx, "order", name).Err()
	})
	mux.HandleFunc("fails twice", func(ctx context.Context, task *asynq.Task) error {
		store.RPush(ctx, "tried:"+string(task.Payload()), time.Now().UnixMilli())
		if retried, _ := asynq.GetRetryCount(ctx); retried < 2 {
			return errors.New("meant to fail")
		}
		_, err := task.ResultWriter().Write([]byte("third time lucky"))
		return err
	})
	mux.HandleFunc("fails", func(context.Context, *asynq.Task) error { return errors.New("meant to fail") })
	mux.HandleFunc("gives up", func(context.Context, *asynq.Task) error { return fmt.Errorf("in vain: %w", asynq.SkipRetry) })
	mux.HandleFunc("group", func(ctx context.Context, task *asynq.Task) error {
		for _, part := range strings.Fields(string(task.Payload())) {
			store.HIncrBy(ctx, "parts", part, 1)
		}
		return store.Incr(ctx, "groups").Err()
	})
	// Those with a number below four end; the others wait until they may.
	mux.HandleFunc("waits", func(ctx context.Context, task *asynq.Task) error {
		name := string(task.Payload())
		store.HIncrBy(ctx, "begun", name, 1)
		for number, err := strconv.Atoi(name); err != nil || number >= 4; {
			if store.Exists(ctx, "released").Val() == 1 {
				break
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
		return store.HIncrBy(context.Background(), "ended", name, 1).Err()
	})
	return mux
}

const waiting = 16

// One process of workers is told to end, and gives back what it has begun; the next one is killed.
func killsWorkers() time.Time {
	for number := range waiting {
		enqueue("waits", strconv.Itoa(number), asynq.Queue("killed"), asynq.Retention(time.Hour), asynq.TaskID(fmt.Sprint("waits-", number)))
	}
	begun := func(times int) func() bool {
		return func() bool { return sum("begun") == times }
	}
	process := startWorkers()
	waitUntil("workers begin", begun(4+workers))
	waitFor("killed", "workers work", func(info *asynq.QueueInfo) bool { return info.Active == workers && info.Completed == 4 })
	must(process.Process.Signal(syscall.SIGTERM))
	must(process.Wait())
	info := queueInfo("killed")
	check(info.Active == 0 && info.Pending == waiting-4, "after workers ended: %+v", *info)

	process = startWorkers()
	waitUntil("other workers begin", begun(4+2*workers))
	waitUntil("a server with workers is listed", func() bool {
		servers, err := inspector.Servers()
		must(err)
		return len(servers) == 1 && len(servers[0].ActiveWorkers) == workers
	})
	must(process.Process.Kill())
	process.Wait()
	killed := time.Now()
	info = queueInfo("killed")
	check(info.Active == workers && info.Pending == waiting-4-workers && info.Completed == 4 && info.ProcessedTotal == 4 && info.FailedTotal == 0,
		"after workers were killed: %+v", *info)
	return killed
}

// Leases of killed workers are lost: what they had begun is done once more, and nothing else is.
func recoversLeases() {
	servers, err := inspector.Servers()
	check(err == nil && len(servers) == 0, "a killed server is listed still: %v", err)
	active, err := inspector.ListActiveTasks("killed")
	check(err == nil && len(active) == workers, "%d tasks are active still: %v", len(active), err)
	for _, task := range active {
		check(task.IsOrphaned, "the task %s has its lease still", task.ID)
	}
	must(store.Set(ctx, "released", 1, 0).Err())
	whileServed(queue("killed"), func() {
		waitFor("killed", "tasks of killed workers run again", func(info *asynq.QueueInfo) bool { return info.Completed == waiting })
	})
	ended, retried := store.HGetAll(ctx, "ended").Val(), 0
	check(len(ended) == waiting, "%d tasks ended, not %d", len(ended), waiting)
	check(sum("begun") == waiting+2*workers, "tasks were begun %d times", sum("begun"))
	for number, times := range ended {
		check(times == "1", "task %s ended %s times", number, times)
		task, err := inspector.GetTaskInfo("killed", "waits-"+number)
		must(err)
		if task.Retried == 1 && task.LastErr == asynq.ErrLeaseExpired.Error() {
			retried++
		}
	}
	check(retried == workers, "%d tasks had lost their lease, not %d", retried, workers)
	info := queueInfo("killed")
	check(info.Active == 0 && info.Pending == 0 && info.Retry == 0 && info.FailedTotal == workers && info.ProcessedTotal == waiting+workers, "at the end: %+v", *info)
}

func startWorkers() *exec.Cmd {
	process := exec.Command(os.Args[0], os.Args[1], "worker")
	process.Stderr = os.Stderr
	must(process.Start())
	return process
}

func runsAtOnceAndLater() {
	const tasks = 300
	queues := []string{"critical", "default", "low"}
	at := time.Now().Add(4 * time.Second).Truncate(time.Second)
	for number := range tasks {
		option := asynq.ProcessIn(0)
		if number%3 == 0 {
			option = asynq.ProcessIn(2 * time.Second)
		}
		enqueue("count", strconv.Itoa(number), asynq.Queue(queues[number/3%3]), option)
	}
	timed := enqueue("list", "timed", asynq.ProcessAt(at))
	task, err := inspector.GetTaskInfo("default", timed.ID)
	must(err)
	check(task.State == asynq.TaskStateScheduled && task.NextProcessAt.Equal(at), "a scheduled task: %+v", *task)
	pending, scheduled := 0, 0
	for _, name := range queues {
		info := queueInfo(name)
		pending, scheduled = pending+info.Pending, scheduled+info.Scheduled
		check(info.MemoryUsage > 0 && info.Size == info.Pending+info.Scheduled, "the queue %s: %+v", name, *info)
	}
	check(pending == 200 && scheduled == 101, "%d tasks are pending, %d are scheduled", pending, scheduled)
	pages := 0
	for page := 1; ; page++ {
		listed, err := inspector.ListScheduledTasks("low", asynq.Page(page), asynq.PageSize(10))
		must(err)
		if len(listed) == 0 {
			break
		}
		pages += len(listed)
	}
	check(pages == queueInfo("low").Scheduled, "pages list %d tasks", pages)
	whileServed(asynq.Config{Concurrency: 8, Queues: map[string]int{"critical": 6, "default": 3, "low": 1}}, func() {
		waitUntil("tasks run", func() bool { return store.HLen(ctx, "runs").Val() == tasks && store.Exists(ctx, "timed").Val() == 1 })
	})
	for number, times := range store.HGetAll(ctx, "runs").Val() {
		check(times == "1", "task %s ran %s times", number, times)
	}
	ran := times("timed")
	check(len(ran) == 1 && !ran[0].Before(at) && ran[0].Sub(at) < 5*time.Second, "a task that was for %s ran at %s", at, ran)
	for _, name := range queues {
		info := queueInfo(name)
		check(info.Size == 0 && info.FailedTotal == 0 && info.ProcessedTotal >= 99, "the queue %s at the end: %+v", name, *info)
	}
	history, err := inspector.History("low", 3)
	check(err == nil && len(history) == 3, "%d days of history: %v", len(history), err)
}

func runsByPriority() {
	const tasks = 20
	var expected []string
	for _, name := range []string{"third", "second", "first"} {
		for range tasks {
			enqueue("name", "", asynq.Queue(name))
		}
	}
	for _, name := range []string{"first", "second", "third"} {
		for range tasks {
			expected = append(expected, name)
		}
	}
	config := asynq.Config{Concurrency: 1, StrictPriority: true, Queues: map[string]int{"first": 3, "second": 2, "third": 1}}
	whileServed(config, func() {
		waitUntil("tasks run by priority", func() bool { return store.LLen(ctx, "order").Val() == 3*tasks })
	})
	order := store.LRange(ctx, "order", 0, -1).Val()
	check(strings.Join(order, " ") == strings.Join(expected, " "), "tasks ran in the order %v", order)
}

// The delays are of a second and three; asynq keeps the seconds of a time alone.
func triesAgainLaterAndLater() {
	const tasks = 10
	config := queue("retried")
	config.RetryDelayFunc = func(retried int, _ error, _ *asynq.Task) time.Duration {
		return time.Duration(1+2*retried) * time.Second
	}
	for number := range tasks {
		enqueue("fails twice", strconv.Itoa(number), asynq.Queue("retried"), asynq.MaxRetry(5), asynq.Retention(time.Hour))
	}
	whileServed(config, func() {
		waitFor("retried", "tasks wait for another try", func(info *asynq.QueueInfo) bool { return info.Retry == tasks && info.FailedTotal == 2*tasks })
		listed, err := inspector.ListRetryTasks("retried")
		check(err == nil && len(listed) == tasks && listed[0].Retried == 2 && listed[0].LastErr == "meant to fail", "tasks to try again: %v", err)
		waitFor("retried", "tasks are tried again", func(info *asynq.QueueInfo) bool { return info.Completed == tasks })
	})
	for number := range tasks {
		tried := times(fmt.Sprint("tried:", number))
		check(len(tried) == 3, "task %d was tried %d times", number, len(tried))
		check(tried[2].Sub(tried[1]) >= 2*time.Second, "task %d was tried at %s", number, tried)
	}
	completed, err := inspector.ListCompletedTasks("retried")
	check(err == nil && len(completed) == tasks && string(completed[0].Result) == "third time lucky", "completed tasks: %v", err)
	info := queueInfo("retried")
	check(info.ProcessedTotal == 3*tasks && info.FailedTotal == 2*tasks, "after retries: %+v", *info)
}

func refusesDuplicates() {
	unique := func(payload string, options ...asynq.Option) error {
		_, err := client.Enqueue(asynq.NewTask("count", []byte(payload)), append(options, asynq.Queue("unique"))...)
		return err
	}
	refuses := func(err, expected error) { check(errors.Is(err, expected), "%v, not %v", err, expected) }
	must(unique("locked", asynq.Unique(time.Hour)))
	refuses(unique("locked", asynq.Unique(time.Hour)), asynq.ErrDuplicateTask)
	must(unique("later", asynq.Unique(time.Hour), asynq.ProcessIn(time.Second)))
	refuses(unique("later", asynq.Unique(time.Hour), asynq.ProcessIn(time.Second)), asynq.ErrDuplicateTask)
	must(unique("brief", asynq.Unique(2*time.Second)))
	refuses(unique("brief", asynq.Unique(2*time.Second)), asynq.ErrDuplicateTask)
	waitUntil("a brief lock ends", func() bool { return unique("brief", asynq.Unique(2*time.Second)) == nil })
	must(unique("named", asynq.TaskID("named")))
	refuses(unique("named", asynq.TaskID("named")), asynq.ErrTaskIDConflict)
	refuses(unique("named", asynq.TaskID("named"), asynq.ProcessIn(time.Hour)), asynq.ErrTaskIDConflict)
	check(queueInfo("unique").Size == 5, "%d tasks, not 5", queueInfo("unique").Size)
	whileServed(queue("unique"), func() {
		waitFor("unique", "unique tasks run", func(info *asynq.QueueInfo) bool { return info.Size == 0 })
		must(unique("locked", asynq.Unique(time.Hour)))
		must(unique("named", asynq.TaskID("named")))
		waitFor("unique", "unique tasks run again", func(info *asynq.QueueInfo) bool { return info.Size == 0 })
	})
	for name, expected := range map[string]string{"locked": "2", "later": "1", "brief": "2", "named": "2"} {
		ran := store.HGet(ctx, "runs", name).Val()
		check(ran == expected, "the task %s ran %s times", name, ran)
	}
}

func archives() {
	of := asynq.Queue("archived")
	whileServed(queue("archived"), func() {
		enqueue("gives up", "", of, asynq.MaxRetry(5))
		enqueue("fails", "", of, asynq.MaxRetry(0))
		enqueue("fails", "", of, asynq.MaxRetry(2))
		waitFor("archived", "tasks that fail are archived", func(info *asynq.QueueInfo) bool { return info.Archived == 3 })
	})
	info := queueInfo("archived")
	check(info.FailedTotal == 5 && info.ProcessedTotal == 5 && info.Size == 3, "failed tasks are archived: %+v", *info)
	one := enqueue("count", "out of the archive", of)
	enqueue("count", "deleted", of)
	enqueue("count", "deleted", of, asynq.ProcessIn(time.Hour))
	later := enqueue("count", "deleted", of, asynq.ProcessIn(time.Hour))
	must(inspector.ArchiveTask("archived", one.ID))
	must(inspector.ArchiveTask("archived", later.ID))
	expect(inspector.ArchiveAllPendingTasks("archived"))(1)
	expect(inspector.ArchiveAllScheduledTasks("archived"))(1)
	listed, err := inspector.ListArchivedTasks("archived")
	check(err == nil && len(listed) == 7, "%d tasks are archived, not 7: %v", len(listed), err)
	must(inspector.RunTask("archived", one.ID))
	check(inspector.RunTask("archived", one.ID) != nil, "a pending task was told to run")
	info = queueInfo("archived")
	check(info.Archived == 6 && info.Pending == 1 && info.Scheduled == 0, "a task leaves the archive: %+v", *info)
	expect(inspector.DeleteAllArchivedTasks("archived"))(6)
	whileServed(queue("archived"), func() {
		waitFor("archived", "a task from the archive runs", func(info *asynq.QueueInfo) bool { return info.Size == 0 })
	})
	check(store.HGet(ctx, "runs", "out of the archive").Val() == "1" && !store.HExists(ctx, "runs", "deleted").Val(), "what was archived ran")
}

// A group becomes one task, whose payload names its parts.
func aggregates() {
	const tasks = 40
	config := queue("grouped")
	config.GroupGracePeriod, config.GroupMaxSize = time.Second, 15
	config.GroupAggregator = asynq.GroupAggregatorFunc(func(_ string, tasks []*asynq.Task) *asynq.Task {
		var parts []string
		for _, task := range tasks {
			parts = append(parts, string(task.Payload()))
		}
		return asynq.NewTask("group", []byte(strings.Join(parts, " ")))
	})
	for number := range tasks {
		enqueue("part", strconv.Itoa(number), asynq.Queue("grouped"), asynq.Group("all"))
	}
	groups, err := inspector.Groups("grouped")
	check(err == nil && len(groups) == 1 && groups[0].Size == tasks, "groups: %v", err)
	check(queueInfo("grouped").Aggregating == tasks, "%d tasks are in groups", queueInfo("grouped").Aggregating)
	whileServed(config, func() {
		waitUntil("groups run", func() bool { return store.HLen(ctx, "parts").Val() == tasks })
		waitFor("grouped", "groups end", func(info *asynq.QueueInfo) bool { return info.Size == 0 && info.Groups == 0 })
	})
	check(store.Get(ctx, "groups").Val() == "3", "%s groups of %d tasks", store.Get(ctx, "groups").Val(), tasks)
	for part, times := range store.HGetAll(ctx, "parts").Val() {
		check(times == "1", "part %s ran %s times", part, times)
	}
}

func pausesEditsAndDeletes() {
	of := asynq.Queue("paused")
	enqueue("count", "kept", of)
	must(inspector.PauseQueue("paused"))
	deleted := enqueue("count", "unwanted", of)
	edited := enqueue("count", "before", of, asynq.ProcessIn(time.Hour))
	whileServed(queue("paused"), func() {
		time.Sleep(300 * time.Millisecond)
		info := queueInfo("paused")
		check(info.Paused && info.Pending == 2 && info.Scheduled == 1, "a paused queue: %+v", *info)
		must(inspector.DeleteTask("paused", deleted.ID))
		must(inspector.UpdateTaskPayload("paused", edited.ID, []byte("after")))
		expect(inspector.RunAllScheduledTasks("paused"))(1)
		must(inspector.UnpauseQueue("paused"))
		waitFor("paused", "the queue goes on", func(info *asynq.QueueInfo) bool { return info.Size == 0 && !info.Paused })
	})
	ran := store.HMGet(ctx, "runs", "kept", "unwanted", "before", "after").Val()
	check(fmt.Sprint(ran) == "[1 <nil> <nil> 1]", "tasks ran: %v", ran)
	enqueue("count", "unwanted", of)
	check(errors.Is(inspector.DeleteQueue("paused", false), asynq.ErrQueueNotEmpty), "a queue was deleted with a task")
	must(inspector.DeleteQueue("paused", true))
	check(errors.Is(inspector.DeleteQueue("paused", true), asynq.ErrQueueNotFound), "a queue was deleted twice")
	left := store.Keys(ctx, "asynq:{paused}:*").Val()
	for _, key := range left {
		check(strings.Contains(key, ":processed") || strings.Contains(key, ":failed"), "the deleted queue has left %v", left)
	}
}

// The workers are told of it by a message.
func cancels() {
	whileServed(queue("cancelled"), func() {
		task := enqueue("waits", "cancelled", asynq.Queue("cancelled"), asynq.MaxRetry(0))
		waitUntil("a task begins", func() bool { return store.HExists(ctx, "begun", "cancelled").Val() })
		active, err := inspector.ListActiveTasks("cancelled")
		check(err == nil && len(active) == 1 && active[0].ID == task.ID && !active[0].IsOrphaned, "active tasks: %v", err)
		must(inspector.CancelProcessing(task.ID))
		waitFor("cancelled", "a task is cancelled", func(info *asynq.QueueInfo) bool { return info.Archived == 1 && info.Active == 0 })
		must(store.HDel(ctx, "begun", "cancelled").Err())
	})
}

func runsPeriodically() {
	scheduler := asynq.NewScheduler(options, &asynq.SchedulerOpts{LogLevel: asynq.FatalLevel, HeartbeatInterval: 500 * time.Millisecond})
	entry, err := scheduler.Register("@every 1s", asynq.NewTask("list", []byte("periodic")), asynq.Queue("periodic"))
	must(err)
	must(scheduler.Start())
	whileServed(queue("periodic"), func() {
		waitUntil("a periodic task runs", func() bool { return store.LLen(ctx, "periodic").Val() >= 3 })
		entries, err := inspector.SchedulerEntries()
		check(err == nil && len(entries) == 1 && entries[0].ID == entry, "periodic tasks: %v", err)
		events, err := inspector.ListSchedulerEnqueueEvents(entry)
		check(err == nil && len(events) >= 3, "%d events of a periodic task: %v", len(events), err)
		scheduler.Shutdown()
	})
	entries, err := inspector.SchedulerEntries()
	check(err == nil && len(entries) == 0, "%d periodic tasks are left: %v", len(entries), err)
}

func forgetsCompleted() {
	of := asynq.Queue("completed")
	for range 5 {
		enqueue("count", "completed", of, asynq.Retention(2*time.Second))
	}
	enqueue("count", "completed", of, asynq.Retention(time.Hour))
	whileServed(queue("completed"), func() {
		waitFor("completed", "tasks end", func(info *asynq.QueueInfo) bool { return info.Completed == 6 })
		waitFor("completed", "completed tasks are forgotten", func(info *asynq.QueueInfo) bool { return info.Completed == 1 })
	})
	expect(inspector.DeleteAllCompletedTasks("completed"))(1)
}

func enqueue(kind, payload string, options ...asynq.Option) *asynq.TaskInfo {
	info, err := client.Enqueue(asynq.NewTask(kind, []byte(payload)), options...)
	must(err)
	return info
}

func queueInfo(name string) *asynq.QueueInfo {
	info, err := inspector.GetQueueInfo(name)
	must(err)
	return info
}

func sum(hash string) int {
	total := 0
	for _, value := range store.HVals(ctx, hash).Val() {
		number, err := strconv.Atoi(value)
		must(err)
		total += number
	}
	return total
}

func times(list string) []time.Time {
	var moments []time.Time
	for _, text := range store.LRange(ctx, list, 0, -1).Val() {
		milliseconds, err := strconv.ParseInt(text, 10, 64)
		must(err)
		moments = append(moments, time.UnixMilli(milliseconds))
	}
	return moments
}

func waitFor(name, what string, done func(*asynq.QueueInfo) bool) {
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		info, err := inspector.GetQueueInfo(name)
		if err == nil && done(info) {
			return
		}
		check(time.Now().Before(deadline), "it takes too long: %s: %+v, %v", what, info, err)
	}
}

func waitUntil(what string, done func() bool) {
	for deadline := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		check(time.Now().Before(deadline), "it takes too long: %s", what)
	}
}

func expect(count int, err error) func(int) {
	return func(expected int) {
		must(err)
		check(count == expected, "%d tasks, not %d", count, expected)
	}
}

func check(condition bool, format string, values ...any) {
	if !condition {
		log.Output(2, fmt.Sprintf(format, values...))
		os.Exit(1)
	}
}

func must(err error) {
	if err != nil {
		log.Output(2, err.Error())
		os.Exit(1)
	}
}
