# Jobs of Sidekiq: pushed alone and in bulk, scheduled, tried again, unique, given back by a process that stops; its poller and its API.
# The file is the program, and is loaded by the processes of Sidekiq that it starts.

require "redis"
require "sidekiq"
require "sidekiq/api"
require "securerandom"

PORT = Integer(ENV["PORT"] || ARGV[0])
URL = "redis://127.0.0.1:#{PORT}/0"
Sidekiq.logger.level = Logger::ERROR
Redis.silence_deprecations = true
Redis.sadd_returns_boolean = true

# One job of a kind and its arguments at a time: the lock is released by a script, if it is still held by that job.
class Unique
  RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0".freeze

  def self.key(job)
    "unique:#{job["class"]}:#{job["args"].join(",")}"
  end

  class Client
    def call(_kind, job, _queue, _pool)
      return yield unless job["unique"] && !job["retry_count"]
      taken = Sidekiq.redis { |redis| redis.set(Unique.key(job), job["jid"], nx: true, ex: 600) || redis.get(Unique.key(job)) == job["jid"] }
      taken ? yield : false
    end
  end

  class Server
    def call(_worker, job, _queue)
      yield
      Sidekiq.redis { |redis| redis.eval(RELEASE, keys: [Unique.key(job)], argv: [job["jid"]]) } if job["unique"]
    end
  end
end

Sidekiq.configure_client do |config|
  config.redis = { url: URL, size: 10 }
  config.client_middleware { |chain| chain.add Unique::Client }
end

Sidekiq.configure_server do |config|
  config.redis = { url: URL, size: 15 }
  config.options[:poll_interval_average] = 0.2
  config.client_middleware { |chain| chain.add Unique::Client }
  config.server_middleware { |chain| chain.add Unique::Server }
end

def redis(&block)
  Sidekiq.redis(&block)
end

class Add
  include Sidekiq::Worker

  def perform(number)
    redis { |connection| connection.hincrby("runs", number, 1) }
  end
end

class AddUrgently < Add
  sidekiq_options queue: "urgent"
end

class AddOnce < Add
  sidekiq_options unique: true, queue: "once"
end

class FailsTwice
  include Sidekiq::Worker
  sidekiq_options retry: 5

  def perform(number)
    raise "attempt" if redis { |connection| connection.hincrby("attempts", number, 1) } < 3
  end
end

class FailsAlways
  include Sidekiq::Worker
  sidekiq_options retry: 1

  def perform(_number)
    raise ArgumentError, "meant to fail"
  end
end

class Slow
  include Sidekiq::Worker

  def perform(number)
    redis { |connection| connection.sadd("begun", number) }
    sleep 0.05 until redis { |connection| connection.get("release") }
    redis { |connection| connection.hincrby("slow", number, 1) }
  end
end

def check(condition, what)
  abort "Sidekiq: #{what}" unless condition
end

def wait_until(what)
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 60
  until (value = yield)
    check(Process.clock_gettime(Process::CLOCK_MONOTONIC) < deadline, "it takes too long: #{what}")
    sleep 0.02
  end
  value
end

def runs(key = "runs")
  redis { |connection| connection.hgetall(key) }.to_h { |number, times| [Integer(number), Integer(times)] }
end

# Sidekiq waits 15 seconds and more before it tries again: all that is in the set is due now.
def make_due(set)
  redis { |connection| connection.zrange(set, 0, -1).each { |job| connection.zadd(set, 1, job, xx: true) } }
end

def start(*queues)
  options = queues.flat_map { |queue| ["-q", queue] }
  Process.spawn({ "PORT" => PORT.to_s }, "sidekiq", "-r", __FILE__, "-c", "4", "-t", "2", *options)
end

def stop(process)
  Process.kill("TERM", process)
  Process.wait(process)
  check($?.success?, "a process that was told to stop ended with #{$?}")
end

def pushed_and_scheduled
  100.times { |number| Add.perform_async(number) }
  Sidekiq::Client.push_bulk("class" => Add, "args" => (100...1100).map { |number| [number] })
  50.times { |number| AddUrgently.perform_async(2000 + number) }
  20.times { |number| Add.perform_in(1, 3000 + number) }
  removed = Add.perform_in(3600, 9999)
  early = Add.perform_in(3600, 4000)
  check(Sidekiq::Queue.new.size == 1100 && Sidekiq::Queue.new("urgent").size == 50, "the queues have what was pushed")
  scheduled = Sidekiq::ScheduledSet.new
  check(scheduled.size == 22, "the scheduled set has what was scheduled")
  check(scheduled.find_job(removed).delete && scheduled.find_job(removed).nil?, "a scheduled job is deleted")
  check(scheduled.find_job(early).add_to_queue, "a scheduled job is put forward")
  processes = [start("urgent", "default"), start("default")]
  expected = [*0...1100, *2000...2050, *3000...3020, 4000].to_h { |number| [number, 1] }
  wait_until("all jobs") { runs.size == expected.size }
  check(runs == expected, "each job runs once")
  wait_until("the statistics") { Sidekiq::Stats.new.processed == expected.size }
  check(scheduled.size == 0, "nothing is left in the schedule")
  check(Sidekiq::ProcessSet.new.size == 2, "both processes are known")
  processes.each { |process| stop(process) }
  check(Sidekiq::ProcessSet.new.size == 0, "processes that have stopped are not")
end

def tried_again
  20.times { |number| FailsTwice.perform_async(number) }
  FailsAlways.perform_async(1)
  process = start("default")
  dead = Sidekiq::DeadSet.new
  wait_until("the third attempts, and the dead job") do
    make_due("retry")
    runs("attempts").values == [3] * 20 && dead.size == 1
  end
  job = dead.first
  check(job["error_message"] == "meant to fail" && job["retry_count"] == 1, "the dead job says why: #{job.item}")
  wait_until("no more retries") { Sidekiq::RetrySet.new.size == 0 }
  stop(process)
  job.retry
  check(dead.size == 0 && Sidekiq::Queue.new.size == 1, "a dead job is put back")
end

def unique
  given = Array.new(10) { |number| AddOnce.perform_async(5000 + number % 2) }
  check(given.compact.size == 2, "of ten jobs of two kinds two are taken: #{given}")
  process = start("once")
  wait_until("both") { runs.size == 2 }
  wait_until("the locks") { redis { |connection| connection.keys("unique:*") }.empty? }
  check(AddOnce.perform_async(5000), "taken again when it is done")
  wait_until("the third") { runs[5000] == 2 }
  stop(process)
end

# A process that stops gives back what it has not ended.
def given_back
  8.times { |number| Slow.perform_async(number) }
  process = start("default")
  wait_until("four have begun") { redis { |connection| connection.scard("begun") } == 4 }
  stop(process)
  check(Sidekiq::Queue.new.size == 8, "all are in the queue again")
  redis { |connection| connection.set("release", 1) }
  process = start("default")
  wait_until("all eight") { runs("slow").size == 8 }
  check(runs("slow").values == [1] * 8, "each has ended once")
  stop(process)
end

# Many pollers at once take each job of the schedule once, also when the server has forgotten their script.
def polled
  2000.times { |number| redis { |connection| connection.zadd("schedule", number.to_f, %({"class":"Add","args":[#{number}],"jid":"#{number}","queue":"default"})) } }
  pollers = Array.new(5) { Thread.new { require "sidekiq/scheduled"; Sidekiq::Scheduled::Enq.new.enqueue_jobs(["schedule"]) } }
  20.times { redis { |connection| connection.script(:flush) } }
  pollers.each(&:join)
  numbers = Sidekiq::Queue.new.map { |job| job.args[0] }
  check(numbers.sort == [*0...2000], "each job is put into its queue once: #{numbers.size}")
end

if $PROGRAM_NAME == __FILE__
  [:pushed_and_scheduled, :tried_again, :unique, :given_back, :polled].each do |scenario|
    redis(&:flushall)
    send(scenario)
    puts "Sidekiq #{Sidekiq::VERSION}: #{scenario.to_s.tr("_", " ")} passed"
    $stdout.flush
  end
end
