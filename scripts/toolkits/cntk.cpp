// Loads a model from an ONNX file, and saves it in CNTK's own format: cntk_convert NET.onnx NET.model
//
// The wheel of CNTK 2.7 has no headers. These declarations are what the two calls need of them; the
// linker compares their names and types with the library.

#include <cstdio>
#include <exception>
#include <memory>
#include <string>

namespace CNTK {
enum class DeviceKind : unsigned int { CPU, GPU };
enum class ModelFormat { CNTKv2, ONNX };

struct DeviceDescriptor {
  unsigned int id;
  DeviceKind kind;
};

class Function {
 public:
  static std::shared_ptr<Function> Load(const std::wstring &, const DeviceDescriptor &, ModelFormat);
  void Save(const std::wstring &, ModelFormat, bool external_parameters);
};
}  // namespace CNTK

static std::wstring wide(const std::string &ascii) {
  return std::wstring(ascii.begin(), ascii.end());
}

int main(int count, char **arguments) {
  if (count != 3) {
    std::fprintf(stderr, "cntk_convert NET.onnx NET.model\n");
    return 2;
  }
  try {
    const CNTK::DeviceDescriptor cpu = {0, CNTK::DeviceKind::CPU};
    auto net = CNTK::Function::Load(wide(arguments[1]), cpu, CNTK::ModelFormat::ONNX);
    net->Save(wide(arguments[2]), CNTK::ModelFormat::CNTKv2, false);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
