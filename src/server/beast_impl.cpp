// The one place where Beast's separately compiled sources are built (BOOST_BEAST_SEPARATE_COMPILATION).
#include <boost/beast/src.hpp>
