-- Posts PREDICT_BODY again and again (wrk -s); each connection rests DELAY_MS on average in between. Ends with a line of JSON.
wrk.method = "POST"
wrk.body = os.getenv("PREDICT_BODY")
wrk.headers["Content-Type"] = "application/json"

local delay_ms = tonumber(os.getenv("DELAY_MS"))
if delay_ms > 0 then
  function delay() return math.random(0, 2 * delay_ms) end
end

local threads = {}
function setup(thread) table.insert(threads, thread) end

function init() statuses = "" counts = {} end

function response(status)
  counts[status] = (counts[status] or 0) + 1
  statuses = ""
  for code, count in pairs(counts) do statuses = statuses .. string.format(',"%d":%d', code, count) end
end

function done(summary, latency)
  local lost = summary.errors
  print(string.format(
    '{"perSecond":%.0f,"p50":%.3f,"p99":%.2f,"max":%.1f,"statuses":{%s},"errors":%d}',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    latency.max / 1000, threads[1]:get("statuses"):sub(2), lost.connect + lost.read + lost.write + lost.timeout))
end
