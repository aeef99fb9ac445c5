// inkwell::redis: a Redis link that survives. Include this for all of it.
#pragma once

#include <inkwell/redis/async.hpp>
#include <inkwell/redis/blocking_client.hpp>
#include <inkwell/redis/blocking_read.hpp>
#include <inkwell/redis/client.hpp>
#include <inkwell/redis/decode.hpp>
#include <inkwell/redis/near_cache.hpp>
#include <inkwell/redis/options.hpp>
#include <inkwell/redis/pool.hpp>
#include <inkwell/redis/reply.hpp>
#include <inkwell/redis/request.hpp>
#include <inkwell/redis/scan.hpp>
#include <inkwell/redis/script.hpp>
#include <inkwell/redis/subscriber.hpp>
#include <inkwell/redis/subscription.hpp>
#include <inkwell/redis/tracking.hpp>
#include <inkwell/redis/transaction.hpp>
