local replies, argument, named, failure = {}, 0, 0, nil

local function next_argument() argument = argument + 1 return ARGV[argument] end
local function next_key() named = named + 1 return KEYS[named] end

local function call(...)
  if failure then return nil end
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then return reply end
  failure = reply.err
end

local function exceeds(sum, bound)
  local minus, below = sum:byte() == 45, bound:byte() == 45
  if minus ~= below then return below end
  if #sum ~= #bound then return #sum > #bound ~= minus end
  return sum ~= bound and sum > bound ~= minus
end

local function sum_with(key, ...)
  local undo = {}
  for _, part in ipairs({ ... }) do
    if part ~= '0' and call('INCRBY', key, part) then undo[#undo + 1] = '-' .. part end
  end
  local sum = call('GET', key)
  local failed = failure
  failure = nil
  for n = 1, #undo do call('INCRBY', key, undo[n]) end
  failure = failed
  if failure and failure:find('overflow', 1, true) then failure = nil end
  return sum
end

local verbs, answers_number = {}, { add = true, within = true, elect = true }

function verbs.get() end

function verbs.set(key) return call('SET', key, next_argument()) end

function verbs.add(key) return call('INCRBY', key, next_argument()) end

function verbs.within(key)
  local delta, bound = next_argument(), next_argument()
  local added = call('INCRBY', key, delta)
  local sum = added and call('GET', key)
  if not sum or not exceeds(sum, bound) then return added end
  call('INCRBY', key, '-' .. delta)
end

function verbs.total(key)
  local elected, posts = call('GET', next_key()), next_key()
  local ticket, delta, bound = next_argument(), next_argument(), next_argument()
  if elected and elected ~= '0' and elected ~= ticket then return nil, nil, elected end
  local posted, document = '0', nil
  if elected == ticket then
    document = call('GET', posts)
    posted = document and document:match('"sum":(%d+)')
    if not posted then failure = failure or 'ERR a document holds no sum' end
  end
  local total = not failure and sum_with(key, posted, delta)
  local added = total and not exceeds(total, bound) and call('INCRBY', key, delta)
  return added, document and total and total .. ' ' .. document or total, false
end

function verbs.post(key, held)
  local cell, current, head, tail = next_key(), next_argument(), next_argument(), next_argument()
  local otherwise, own, bound = next_argument(), next_argument(), next_argument()
  if held ~= current then return end
  local total = own
  if call('GET', cell) then total = sum_with(cell, own) end
  if total and exceeds(total, bound) then total = nil end
  return call('SET', key, total and head .. total .. tail or otherwise), total
end

function verbs.swap(key, held)
  local current, next, keys, values = next_argument(), next_argument(), {}, {}
  local may = held == current
  for _ = 1, tonumber(next_argument()) do
    local absent = next_key()
    may = may and call('GET', absent) == false
  end
  for n = 1, tonumber(next_argument()) do
    keys[n], values[n] = next_key(), next_argument()
    if may then call('GET', keys[n]) end
  end
  if not may then return end
  for n = 1, #keys do call('SET', keys[n], values[n]) end
  return call('SET', key, next)
end

function verbs.elect(key, held)
  local candidate = next_argument()
  if held == false or held == '0' then return call('SET', key, candidate) end
end

function verbs.first(key, held)
  local tickets, elected, empty, first = next_key(), next_key(), next_argument(), next_argument()
  if held ~= false or call('GET', tickets) ~= false or call('GET', elected) ~= false then return end
  call('INCRBY', tickets, 1)
  call('SET', key, empty)
  call('SET', elected, 1)
  return call('SET', key, first)
end

while argument < #ARGV do
  failure = nil
  local verb, key = next_argument(), next_key()
  local held = call('GET', key)
  local done, reply, instead = verbs[verb](key, held)
  if instead ~= nil then held = instead end
  local code, value = 0, held
  if failure then code, value = -1, failure
  elseif done then code, value = 1, answers_number[verb] and call('GET', key) or reply or false
  end
  replies[#replies + 1] = code
  replies[#replies + 1] = value
end
return replies
