exports.handler = async (event) => {
  const answer = { script: 1 };
  return answer;
};
