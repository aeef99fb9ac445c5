#include "embedded/log_file.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>

namespace inkwell::embedded {

void rotate_log(const std::filesystem::path& file, std::uintmax_t max_bytes) {
  std::error_code failed;
  const std::uintmax_t size = std::filesystem::file_size(file, failed);
  if (failed || size <= max_bytes) return;
  std::filesystem::rename(file, file.string() + ".1", failed);
}

std::string last_lines(const std::filesystem::path& file, std::uintmax_t offset, std::size_t lines) {
  constexpr std::uintmax_t kMost = 8192;
  std::error_code failed;
  const std::uintmax_t size = std::filesystem::file_size(file, failed);
  if (failed || size <= offset) return {};
  std::ifstream in(file, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(std::max(offset, size > kMost ? size - kMost : 0)));
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  while (text.ends_with('\n')) text.pop_back();
  std::size_t start = text.size();
  for (std::size_t i = 0; i < lines && start != 0 && start != std::string::npos; ++i)
    start = text.rfind('\n', start - 1);
  return start == std::string::npos || start == 0 ? text : text.substr(start + 1);
}

}  // namespace inkwell::embedded
