// The alias by which all code names Asio. Nothing else belongs here.
#pragma once

#include <boost/asio/awaitable.hpp>

namespace inkwell {
namespace asio = boost::asio;
}  // namespace inkwell
